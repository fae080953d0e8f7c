// The client's side of WHEP and WHIP (RFC 9725): one offer, one answer. Our own candidates are not waited for:
// browsers hide them behind names that nobody resolves, and the server hears us when we call its candidates.

import { failureFrom, reach } from "./api.js";

export function newConnection() {
  return new RTCPeerConnection({ iceServers: [] });
}

const sessions = new WeakMap(); // by connection, the address that a DELETE ends

export async function negotiate(connection, endpoint) {
  await connection.setLocalDescription();
  const answer = await reach(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  const text = await answer.text();
  if (answer.status !== 201) throw failureFrom(answer.status, text, answer.headers.get("Retry-After"));
  sessions.set(connection, answer.headers.get("Location"));
  if (connection.signalingState === "closed") hangUp(connection); // while we waited for the answer
  await connection.setRemoteDescription({ type: "answer", sdp: text });
}

// The DELETE outlives the page, and goes first: to close the connection ends the session too.
export function hangUp(connection) {
  const session = sessions.get(connection);
  if (!session) return connection?.close();
  const told = fetch(session, { method: "DELETE", keepalive: true });
  return told.catch(() => {}).finally(() => connection.close());
}

// Settles when a connection is lost for good.
export function lost(connection, patienceMs = 4000) {
  return new Promise((done) => {
    connection.addEventListener("connectionstatechange", () => {
      const state = connection.connectionState;
      if (state === "failed" || state === "closed") done();
      if (state === "disconnected") {
        setTimeout(() => connection.connectionState !== "connected" && done(), patienceMs);
      }
    });
  });
}
