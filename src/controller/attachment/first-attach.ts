import type { AzVolume } from "../../core/api/az-volume.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { whyNoFirstAttach } from "../../core/volume/copies/copy-progress.ts";
import { changeVolumeStatus } from "../../objects/update-object.ts";
import type { AttachmentPorts } from "../controller-ports.ts";

/**
 * Whether a disk that Azure may still fill can be attached for the first time: asks Azure, since the
 * volume's own loop reads it each minute only. Fails with `DiskCopyFailed`.
 */
export async function checkFirstAttach(
  { cloud }: Pick<AttachmentPorts, "cloud">,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { copy, detail } = volume.status ?? {};
  if (copy === undefined || detail === undefined || copy.firstAttachTime !== undefined) return ok(undefined);
  const disk = await cloud.getDisk({ diskUri: detail.diskUri }, signal);
  if (!disk.ok) return disk;
  const why = whyNoFirstAttach(volume, disk.value);
  return why === undefined ? ok(undefined) : fail(why);
}

/**
 * Records that a node has got a disk which Azure still fills. Before the attachment is *Attached*: no node
 * writes before that, so a copy without this time has no writes to lose.
 */
export async function recordFirstAttach(
  { store, clock }: Pick<AttachmentPorts, "store" | "clock">,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const known = volume.status?.copy;
  if (known === undefined || known.firstAttachTime !== undefined) return ok(undefined);
  const firstAttachTime = toTimestamp(clock.nowMs());
  const recorded = await changeVolumeStatus(
    store,
    volume,
    ({ copy, ...status }) =>
      copy === undefined || copy.firstAttachTime !== undefined
        ? undefined
        : { ...status, copy: { ...copy, firstAttachTime } },
    signal,
  );
  return recorded.ok || recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
}
