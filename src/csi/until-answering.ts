import { createConnection } from "node:net";
import type { FailureOf } from "../core/failure.ts";
import type { Result } from "../core/result.ts";
import { fail, ok } from "../core/result.ts";

/** How long a server of this process may take for its first words, in milliseconds: a machine that is overloaded takes seconds. */
const ANSWER_MAX_MS = 30_000;
/** How a client of HTTP/2 begins (RFC 9113, 3.4): the preface, and a SETTINGS frame that sets nothing. Node's own client would take a megabyte for it. */
const FIRST_WORDS = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0", "latin1");

/** Waits until whoever listens on a socket has said its first words to a client of HTTP/2. Fails with `HostNotReady`, at the latest after `limitMs` (default: 30,000). */
export function untilAnswering(path: string, limitMs = ANSWER_MAX_MS): Promise<Result<void, FailureOf<"HostNotReady">>> {
  return new Promise((resolve) => {
    const client = createConnection(path);
    const refuse = (why: string): void => {
      client.destroy();
      resolve(fail({ kind: "HostNotReady", detail: `the server on ${path} does not answer: ${why}` }));
    };
    client.setTimeout(limitMs, () => refuse(`it said nothing for ${limitMs} ms`));
    client.once("error", (error) => refuse(error.message));
    client.once("end", () => refuse("it hung up"));
    client.once("data", () => {
      client.destroy();
      resolve(ok(undefined));
    });
    client.write(FIRST_WORDS);
  });
}
