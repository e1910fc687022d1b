import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CsiError } from "../../demo/lab/csi-clients.ts";
import { waitUntil } from "../../demo/wait-until.ts";

const WAIT_MAX_MS = 120_000;

/** A gRPC status by its name, such as `FAILED_PRECONDITION`. */
export type StatusName = keyof typeof status;

/** Waits for a call to fail with this status and a message with all of these parts; returns the message. */
export async function failsWith(
  call: Promise<unknown>,
  code: StatusName,
  ...parts: readonly string[]
): Promise<string> {
  const outcome = await outcomeOf(call);
  assert.equal(outcome.code, code, outcome.message);
  for (const part of parts)
    assert.ok(outcome.message.includes(part), `${JSON.stringify(part)} is not in: ${outcome.message}`);
  return outcome.message;
}

/**
 * Repeats a call, as orchestrators do, while the answer is that work is in progress, until it fails with
 * this status and a message with all of these parts. For outcomes that depend on another process, which a
 * busy machine may delay. The call must never succeed.
 */
export async function comesToFailWith(
  call: () => Promise<unknown>,
  code: StatusName,
  ...parts: readonly string[]
): Promise<void> {
  let last = "";
  await waitUntil(`${code} with ${parts.join(" and ")}`, WAIT_MAX_MS, async () => {
    const outcome = await outcomeOf(call());
    last = `${outcome.code} ${outcome.message}`;
    if (outcome.code === code && parts.every((part) => outcome.message.includes(part))) return true;
    assert.ok(UNDER_WAY.includes(outcome.code), last);
    return undefined;
  }).catch((error: unknown) => {
    throw new Error(`the last answer was: ${last}`, { cause: error });
  });
}

const UNDER_WAY: readonly StatusName[] = ["ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"];

/** How a call ended: `OK`, or its status and message. Any other error is thrown. */
export async function outcomeOf(
  call: Promise<unknown>,
): Promise<{ readonly code: StatusName; readonly message: string }> {
  try {
    await call;
    return { code: "OK", message: "" };
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    return { code: status[error.code] as StatusName, message: error.message };
  }
}
