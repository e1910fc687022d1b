import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CsiError } from "../../demo/csi-clients.ts";

/** A gRPC status by its name, such as `FAILED_PRECONDITION`. */
export type StatusName = keyof typeof status;

/** Waits for a call to fail with this status and a message that holds all of these parts; answers the message. */
export async function failsWith(call: Promise<unknown>, code: StatusName, ...parts: readonly string[]): Promise<string> {
  const outcome = await outcomeOf(call);
  assert.equal(outcome.code, code, outcome.message);
  for (const part of parts) assert.ok(outcome.message.includes(part), `${JSON.stringify(part)} is not in: ${outcome.message}`);
  return outcome.message;
}

/** How a call ended: `OK`, or its status and message. Anything but a gRPC status is thrown. */
export async function outcomeOf(call: Promise<unknown>): Promise<{ readonly code: StatusName; readonly message: string }> {
  try {
    await call;
    return { code: "OK", message: "" };
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    return { code: status[error.code] as StatusName, message: error.message };
  }
}
