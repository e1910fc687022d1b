import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { AzDriverNode } from "../../src/core/api/az-driver-node.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import type { Step } from "../../src/core/writer/record/writer-steps.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";

type Status = NonNullable<AzDriverNode["status"]>;

/** A program with a node's token, in the place of the node's own plug-in. */
export interface LyingNode {
  /** The node as its plug-in has registered it. */
  readonly identity: NodeIdentity;
  readonly store: ObjectStore;
  /** From now on each heartbeat includes this; waits until one has. */
  says(lies: Partial<Status>): Promise<void>;
  /** Tries to move a volume's record. */
  moves(volumeName: string, step: (record: WriterRecord) => Step): Promise<Result<unknown, Failure | string>>;
  /** Retries until it succeeds. */
  untilMoved(what: string, volumeName: string, step: (record: WriterRecord) => Step): Promise<void>;
  stop(): Promise<void>;
}

const HEARTBEAT_MS = 300;
const DONE_MAX_MS = 120_000;

/** Continues the heartbeat of the node's plug-in, which must have been stopped. */
export async function startLyingNode(
  store: ObjectStore,
  nodeName: string,
  signal: AbortSignal,
): Promise<LyingNode> {
  const registered = await store.get("AzDriverNode", nodeName, signal);
  assert.ok(
    registered.ok && registered.value.status !== undefined,
    `AzDriverNode ${nodeName}: ${JSON.stringify(registered)}`,
  );
  const { vmId, instanceUri } = registered.value.status;
  let lies: Partial<Status> = {};
  const beat = async (): Promise<Result<unknown>> => {
    const found = await store.get("AzDriverNode", nodeName, signal);
    if (!found.ok || found.value.status === undefined) return found;
    const { status } = found.value;
    return store.updateStatus(
      "AzDriverNode",
      { ...found.value, status: { ...status, ...lies, heartbeat: status.heartbeat + 1 } },
      signal,
    );
  };
  const ended = new AbortController();
  const running = (async () => {
    while (!ended.signal.aborted) {
      // A failed heartbeat is followed by another, as in a plug-in.
      await beat();
      await sleep(HEARTBEAT_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  const until = async (what: string, act: () => Promise<Result<unknown, unknown>>): Promise<void> => {
    let last: unknown;
    try {
      await waitUntil(what, { timeoutMs: DONE_MAX_MS }, async () => {
        const done = await act();
        last = done;
        return done.ok ? true : undefined;
      });
    } catch (error) {
      throw new Error(`the last answer was: ${JSON.stringify(last)}`, { cause: error });
    }
  };

  const moves: LyingNode["moves"] = async (volumeName, step) => {
    const found = await store.get("AzVolume", volumeName, signal);
    if (!found.ok) return found;
    const { status } = found.value;
    if (status?.record === undefined) return { ok: false, failure: "it has no record" };
    const moved = step(status.record);
    return moved.ok
      ? store.updateStatus("AzVolume", { ...found.value, status: { ...status, record: moved.value } }, signal)
      : moved;
  };
  return {
    identity: { nodeName, vmId, instanceUri },
    store,
    says: async (more) => {
      lies = { ...lies, ...more };
      await until("a heartbeat", beat);
    },
    moves,
    untilMoved: (what, volumeName, step) => until(what, () => moves(volumeName, step)),
    stop: async () => {
      ended.abort();
      await running;
    },
  };
}
