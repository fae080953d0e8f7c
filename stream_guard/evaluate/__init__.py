"""How well a redaction protects: judged from the pixels of original and result alone, whoever made it."""
