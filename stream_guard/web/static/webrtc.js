// The client's side of WHEP and WHIP (RFC 9725): one offer with all candidates, one answer.

import { failureFrom, reach } from "./api.js";

const GATHER_MS = 1000;

export function newConnection() {
  return new RTCPeerConnection({ iceServers: [] });
}

function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    setTimeout(done, GATHER_MS);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState === "complete") done();
    });
  });
}

// Returns the address of the session, which ends with a DELETE.
export async function negotiate(connection, endpoint) {
  await connection.setLocalDescription();
  await gathered(connection);
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
