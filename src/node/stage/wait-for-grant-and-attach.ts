import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { WRITER_WAITING } from "../../core/writer/plan-conditions.ts";
import { isNamed, nodesIn } from "../../core/writer/record/record-nodes.ts";
import { barrierWaitText } from "../../core/writer/record/writer-steps.ts";
import type { NodePorts } from "../node-ports.ts";
import { lunHere } from "../writer/lun-here.ts";

/** Waits until the attachment is Attached. Reports what it waited for when the time is over. */
export async function waitForAttachment(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly attachmentName: string; readonly waitMs: number },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const isAttached = (attachment: AzVolumeAttachment | undefined): boolean =>
    lunHere(ports.node, attachment) !== undefined;
  const waited = await ports.cache.waitFor(
    "AzVolumeAttachment",
    request.attachmentName,
    isAttached,
    request.waitMs,
    signal,
  );
  if (waited !== undefined) return ok(waited);
  const present = ports.cache.get("AzVolumeAttachment", request.attachmentName);
  // It existed when this call began, or was made by it.
  const what =
    present === undefined
      ? `its attachment to ${ports.node.nodeName}, which this node's cache does not show: it was deleted ` +
        "since, or the cache is behind the store"
      : `its attach to ${ports.node.nodeName}, which is ${present.status?.state ?? "Pending"}` +
        (present.status?.error === undefined ? "" : ` (${present.status.error.message})`);
  return stillWaiting(request.volumeId, what);
}

/** Waits until this node is the writer of the volume. */
export async function waitForGrant(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly volumeName: string; readonly waitMs: number },
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const isGranted = (volume: AzVolume | undefined): boolean =>
    isNamed(volume?.status?.record, ports.node, "requested");
  const waited = await ports.cache.waitFor("AzVolume", request.volumeName, isGranted, request.waitMs, signal);
  if (waited !== undefined) return ok(waited);
  // Uncached: this node's cache may lack a volume that another node has.
  const read = await ports.store.get("AzVolume", request.volumeName, signal);
  if (!read.ok) return read;
  if (isGranted(read.value)) return ok(read.value);
  const { status } = read.value;
  const record = status?.record;
  const unverified = nodesIn(record, "unverified").map(({ nodeName }) => nodeName);
  if (unverified.length > 0)
    return fail({ kind: "WriterRecordUnverified", volumeId: request.volumeId, nodes: unverified });
  if (isNamed(record, ports.node, "barrierPending"))
    return stillWaiting(request.volumeId, barrierWaitText(ports.node.nodeName));
  const writer = record?.writer?.nodeName;
  const waiting = status?.conditions.find((condition) => condition.type === WRITER_WAITING)?.message;
  const what =
    writer === undefined
      ? "a controller to grant it to this node"
      : `${writer}, which is still its writer, to unmount it`;
  return stillWaiting(request.volumeId, waiting === undefined ? what : `${what}: ${waiting}`);
}
