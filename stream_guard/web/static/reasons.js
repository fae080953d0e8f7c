// What the server says in English sentences, in the reader's language where it is one that is known.

const KNOWN = [
  [/^(?<name>.+) is being opened$/, "reason.opening"],
  [/^no picture comes from (?<name>.+)$/, "reason.nothing_comes"],
  [/^the detector does not answer/, "reason.no_detector"],
  [/^the stream is damaged$/, "reason.stream_damaged"],
  [/^(?<name>.+) does not answer\.?$/, "reason.no_answer"],
  [/^(?<name>.+?):? (the publisher )?stopped sending$/, "reason.stopped"],
  [/^(?<name>.+): nobody publishes$/, "reason.nobody"],
  [/^(?<name>.+) has ended$/, "reason.ended"],
  [/^(?<name>.+) refuses the user or the password/, "reason.password"],
  [/^(?<name>.+) has no such stream/, "reason.path"],
  [/^(?<name>.+) refuses the connection/, "reason.refused"],
  [/^(?<name>.+) cannot be reached/, "reason.unreachable"],
  [/^(?<name>.+) cannot be opened/, "reason.not_opened"],
  [/^(?<name>.+) changed its picture/, "reason.changed"],
  [/^(?<name>.+) sends (nothing|no picture) that can be decoded$/, "reason.undecodable"],
  [/^the frame came without a picture/, "reason.no_picture"],
  [/^(?<text>\S+ (failed|gave a face).*)$/, "reason.detector_failed"],
  [/^the style (?<style>\S+) is /, "warning.weak"],
  [/^(?<n>\d+) detection\(s\) of faces were left uncovered/, "warning.ignored"],
  [/^(?<n>\d+) piece\(s\) of the video could not be decoded$/, "warning.undecoded"],
  [/^the file is damaged or cut off/, "warning.cut"],
  [/^the picture is damaged or cut off/, "warning.cut_picture"],
  [/^(?<held>\d+) frames were held back instead of (?<wanted>\d+)/, "warning.lag"],
];

// Returns what to put: a key of words, and values.
export function told(sentence) {
  for (const [pattern, key] of KNOWN) {
    const match = pattern.exec(sentence);
    if (match) return [key, numbered(match.groups ?? {})];
  }
  return ["as_sent", { text: sentence }];
}

function numbered(groups) {
  return "n" in groups ? { ...groups, n: Number(groups.n) } : { ...groups };
}
