import { isRetryable } from "../core/is-retryable.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import type { DiskAction } from "../core/plan/plan-disk.ts";
import { ok } from "../core/result.ts";
import type { MayProceed } from "../ports/cloud-provisioner.ts";
import { changeStatus } from "./change-object.ts";
import type { Reconciled } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** Before the next try where only a person can cure what is in the way, in milliseconds. */
const REFUSED_AGAIN_MS = 600_000;

/** Writes the tags that keep a volume's state, and then records that they are there. A crash in between writes them once more. */
export async function keepState(
  ports: ControllerPorts,
  volume: AzVolume,
  { diskUri, tags, mayProceed }: Extract<DiskAction, { kind: "KeepState" }> & { readonly mayProceed: MayProceed },
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name, uid } = volume.metadata;
  const leftOver = Object.keys(volume.status?.detail?.stateTags ?? {}).filter((tag) => !(tag in tags));
  const changes = { ...Object.fromEntries(leftOver.map((tag) => [tag, undefined])), ...tags };
  const tagged = await ports.steps.run("tag-disk", () => ports.cloud.tagDisk({ diskUri, tags: changes, mayProceed }, signal));
  if (!tagged.ok) {
    if (tagged.failure.kind === "Cancelled" || tagged.failure.kind === "Refused" || isRetryable(tagged.failure)) return tagged;
    ports.logger.warn("the disk's tags do not keep what they are to keep", { volumeName: name, failure: tagged.failure });
    return ok({ againAfterMs: REFUSED_AGAIN_MS });
  }
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name, uid },
    (present) => {
      if (present.status?.detail === undefined) return undefined;
      return { ...present, status: { ...present.status, detail: { ...present.status.detail, stateTags: tags } } };
    },
    signal,
  );
  return recorded.ok || recorded.failure.kind === "ObjectNotFound" ? ok({}) : recorded;
}
