import { labelValue } from "../../core/api/object-names.ts";
import { isRequestedPrimary } from "../../core/attachment/attachment-state.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isBeingDrained } from "../../core/node/node-taints.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { NodePorts } from "../node-ports.ts";

export interface DrainPorts extends Pick<NodePorts, "clock" | "logger"> {
  readonly ownNode: Pick<OwnNode, "read">;
  readonly store: Pick<ObjectStore, "list">;
  /** The volumes in the checkpoints of the plug-in that is about to stop, read uncached. */
  readonly readCheckpointedVolumes: () => Promise<readonly string[]>;
  readonly nodeName: string;
}

/** How often the wait checks whether the last volume has gone, in milliseconds. */
const LOOK_EVERY_MS = 500;

/**
 * For a plug-in that is asked to stop. Where its node is being drained, shuts down or is gone, waits until no
 * volume is staged there and none is requested there as Primary, since only this plug-in can unmount them; a
 * volume left mounted would have to be fenced. Otherwise it returns at once, so that upgrades are quick. The
 * kubelet of a node that shuts down waits for pods' mounts before it ends the plug-in, not for stages. A
 * Primary whose request is withdrawn has been unstaged: it stays until ControllerUnpublishVolume, which needs
 * no plug-in. Returns whether the node is being emptied. Rejects with the signal's reason.
 */
export async function waitUntilDrained(ports: DrainPorts, signal: AbortSignal): Promise<boolean> {
  const isEmptied = await untilAnswered(ports, () => readIsEmptied(ports, signal), signal);
  if (!isEmptied) return false;
  let logged = "";
  for (;;) {
    const left = await untilAnswered(ports, () => volumesLeft(ports, signal), signal);
    if (left.length === 0) return true;
    const names = left.join(", ");
    if (names !== logged)
      ports.logger.info("the node is being emptied: waiting for its volumes", {
        nodeName: ports.nodeName,
        volumes: left,
      });
    logged = names;
    await ports.clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function readIsEmptied({ ownNode }: DrainPorts, signal: AbortSignal): Promise<Result<boolean>> {
  const node = await ownNode.read(signal);
  if (!node.ok) return node;
  const { value } = node;
  return ok(value === undefined || value.isShuttingDown || isBeingDrained(value.taints));
}

async function volumesLeft(
  { store, readCheckpointedVolumes, nodeName }: DrainPorts,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const attachments = await store.list(
    "AzVolumeAttachment",
    { "disk.csi.azure.com/node-name": labelValue(nodeName) },
    signal,
  );
  if (!attachments.ok) return attachments;
  const primaries = attachments.value.items
    .filter((attachment) => attachment.spec.nodeName === nodeName && isRequestedPrimary(attachment))
    .map(({ spec }) => spec.volumeName);
  return ok([...new Set([...primaries, ...(await readCheckpointedVolumes())])].toSorted());
}

/** Without an answer it is unknown whether to stop; the caller of this wait also limits it. */
async function untilAnswered<T>(
  { clock, logger }: DrainPorts,
  ask: () => Promise<Result<T>>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    signal.throwIfAborted();
    if (answer.ok) return answer.value;
    logger.warn("not known whether this node is being emptied; retrying", {
      error: describeFailure(answer.failure),
    });
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}
