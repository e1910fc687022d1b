import type { AzVolume, VolumeStatus } from "../../api/az-volume.ts";
import { isForeign } from "../../api/identity/node-identity.ts";
import { type Labels, nodeLabel, nodeLabelsIn, withoutNodeLabels } from "../../api/node-labels.ts";
import { nodesNotOnlyClean } from "./record-nodes.ts";

/**
 * How many labels of nodes that a volume no longer concerns it may keep: a pod that moves back and forth
 * then costs no write of a label.
 */
export const SPARE_LABELS_MAX = 4;

/**
 * The labels of a volume with those of the nodes that its record names; undefined where it has them. A VM
 * that is no node watches nothing.
 */
export function withRecordLabels({ metadata, status }: AzVolume): Labels | undefined {
  const present = nodeLabelsIn(metadata.labels);
  const missing = recordLabels(status?.record).filter((label) => !present.includes(label));
  return missing.length === 0 ? undefined : { ...metadata.labels, ...labelled(missing) };
}

/**
 * The labels that a volume should have where it has attachments to `attachedTo`; undefined where those that
 * it has will do. Labels of other nodes go with the next one that is missing, or once there are more than
 * `SPARE_LABELS_MAX`.
 */
export function planNodeLabels(
  { metadata, status }: AzVolume,
  attachedTo: readonly string[],
): Labels | undefined {
  const due = new Set([...recordLabels(status?.record), ...attachedTo.map(nodeLabel)]);
  const present = nodeLabelsIn(metadata.labels);
  const spare = present.filter((label) => !due.has(label));
  const isMissing = present.length - spare.length < due.size;
  if (!isMissing && spare.length <= SPARE_LABELS_MAX) return undefined;
  return { ...withoutNodeLabels(metadata.labels), ...labelled([...due].toSorted()) };
}

function recordLabels(record: VolumeStatus["record"]): readonly string[] {
  if (record === undefined) return [];
  return nodesNotOnlyClean(record)
    .filter((node) => !isForeign(node))
    .map(({ nodeName }) => nodeLabel(nodeName));
}

function labelled(keys: readonly string[]): Labels {
  return Object.fromEntries(keys.map((key) => [key, ""]));
}
