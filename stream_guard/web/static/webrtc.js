// The client's side of WHEP and WHIP (RFC 9725): one offer, one answer. Our own candidates are not waited for:
// browsers hide them behind names that nobody resolves, and the server hears us when we call its candidates.

import { failureFrom, reach } from "./api.js";

export function newConnection() {
  return new RTCPeerConnection({ iceServers: [] });
}

// Returns the address of the session, which ends with a DELETE.
export async function negotiate(connection, endpoint) {
  await connection.setLocalDescription();
  const answer = await reach(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  const text = await answer.text();
  if (answer.status !== 201) throw failureFrom(answer.status, text, answer.headers.get("Retry-After"));
  const session = answer.headers.get("Location");
  await connection.setRemoteDescription({ type: "answer", sdp: text });
  return session;
}

// The DELETE outlives the page, and goes first: to close the connection ends the session too.
export function hangUp(connection, session) {
  const told = session ? fetch(session, { method: "DELETE", keepalive: true }) : Promise.resolve();
  return told.catch(() => {}).finally(() => connection?.close());
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
