import type { ObservedVolume } from "../../core/attachment/observed-volume.ts";
import { ok } from "../../core/failure/result.ts";
import { planNodeLabels } from "../../core/writer/record/node-labels.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeSpec, targetOf } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { WriterPorts } from "../controller-ports.ts";

/** A volume, and the nodes that it has attachments to. */
type LabelledVolume = Pick<ObservedVolume, "volume"> & {
  readonly attachments: readonly Pick<ObservedVolume["attachments"][number], "attachment">[];
};

/**
 * Labels a volume for the nodes of its attachments, and removes the labels of nodes that it no longer
 * concerns once there are too many. `labelFirst` has labelled it for the nodes that its record names, unless
 * a person has removed such a label. Conditional on what the store shows: a record that changes in between
 * keeps its labels. Fails as the store does.
 */
export async function labelNodes(
  ports: Pick<WriterPorts, "store" | "steps"> & { readonly cache: Pick<WriterPorts["cache"], "get"> },
  { volume, attachments }: LabelledVolume,
  signal: AbortSignal,
): Promise<Reconciled> {
  const attachedTo = attachments.map(({ attachment }) => attachment.spec.nodeName);
  // As it is by now: a grant of this pass may have written the label.
  const cached = ports.cache.get("AzVolume", volume.metadata.name);
  if (cached === undefined || planNodeLabels(cached, attachedTo) === undefined) return ok({});
  const labelled = await ports.steps.run("label-nodes", () =>
    changeSpec(
      ports.store,
      targetOf(volume),
      (present) => {
        const labels = planNodeLabels(present, attachedTo);
        return labels === undefined ? undefined : { ...present, metadata: { ...present.metadata, labels } };
      },
      signal,
    ),
  );
  return ignoreNotFound(labelled);
}
