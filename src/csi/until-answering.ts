import { connect } from "node:http2";
import { createConnection } from "node:net";
import type { FailureOf } from "../core/failure.ts";
import type { Result } from "../core/result.ts";
import { fail, ok } from "../core/result.ts";

/** How long a server of this process may take for its first words, in milliseconds: a machine that is overloaded takes seconds. */
const ANSWER_MAX_MS = 30_000;

/** Waits until whoever listens on a socket has said its first words of HTTP/2. Fails with `HostNotReady`, at the latest after `limitMs` (default: 30,000). */
export function untilAnswering(path: string, limitMs = ANSWER_MAX_MS): Promise<Result<void, FailureOf<"HostNotReady">>> {
  return new Promise((resolve) => {
    const session = connect("http://localhost", { createConnection: () => createConnection(path) });
    const refuse = (why: string): void => resolve(fail({ kind: "HostNotReady", detail: `the server on ${path} does not answer: ${why}` }));
    session.setTimeout(limitMs, () => {
      refuse(`it said nothing for ${limitMs} ms`);
      session.destroy();
    });
    session.once("error", (error) => refuse(error.message));
    session.once("remoteSettings", () => {
      session.once("close", () => resolve(ok(undefined)));
      session.close();
    });
  });
}
