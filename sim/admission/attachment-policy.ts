import { ATTACHMENT_FINALIZER } from "../../src/core/api/finalizers.ts";
import { attachmentObjectName } from "../../src/core/api/object-names.ts";
import { sameJson } from "../../src/core/primitives/same-json.ts";
import { NODE_NAME_LABEL, VOLUME_NAME_LABEL } from "../../src/objects/new-attachment.ts";
import { changesOnly, type NodeWrite, type PolicyRule } from "./policy-rule.ts";

const MANAGED_DISK =
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft[.]compute\/disks\/[a-z0-9_.-]+$/iu;
/** The hash at the end of an object name, which the policy cannot compute. */
const HASH = /^[0-9a-f]{24}$/u;
const HASH_CHARS = 24;

/**
 * The rules of the chart's policy for AzVolumeAttachments, in its order, without those that the node's
 * role makes unnecessary, and without owners and managedFields: the simulated store has none.
 */
export const attachmentRules: readonly PolicyRule[] = [
  {
    message: "an AzVolumeAttachment is about a managed disk",
    allows: (write) => !isMade(write) || MANAGED_DISK.test(diskOf(write)),
  },
  {
    message: "the name of an AzVolumeAttachment follows from its disk and node",
    allows: (write) => !isMade(write) || isNamedRight(write),
  },
  {
    message: "the label of an AzVolumeAttachment names its node",
    allows: (write) => !isMade(write) || write.after.metadata.labels?.[NODE_NAME_LABEL] === write.nodeName,
  },
  {
    message:
      "a node creates an AzVolumeAttachment with only the labels of its node and volume, without " +
      "annotations and owners",
    allows: (write) => !isMade(write) || hasOwnLabelsOnly(write),
  },
  {
    message: "a node writes only its own AzVolumeAttachments",
    allows: ({ before, after, nodeName }) =>
      [before ?? after, after].every(({ spec }) => spec["nodeName"] === nodeName),
  },
  {
    message: "a node creates an AzVolumeAttachment only to request the volume",
    allows: (write) => !isMade(write) || statesOnlyItsRequest(write),
  },
  {
    message:
      "a node changes only its own request in an AzVolumeAttachment, and takes back the mark that it has " +
      "staged the volume",
    allows: ({ part, before, after }) =>
      before === undefined ||
      part === "status" ||
      changesOnly(before.spec, after.spec, ["writerRequest", "role"], ["writerRequest", "staged"]),
  },
  {
    message: "the attachment that a node requests is a Primary",
    allows: ({ part, before, after: { spec } }) =>
      before === undefined ||
      part === "status" ||
      spec["writerRequest"] === undefined ||
      spec["role"] === "Primary",
  },
  {
    message: "a node leaves finalizers, owners, labels and annotations of an AzVolumeAttachment as they are",
    allows: ({ part, before, after }) =>
      before === undefined || part === "status" || sameJson(keptOf(before), keptOf(after)),
  },
  {
    message:
      "a node changes of an AzVolumeAttachment's status only its answers to a recall and a freeze, " +
      "mountProblems, deviceMissing, and preempted",
    allows: ({ part, before, after }) =>
      part !== "status" ||
      (before?.status !== undefined &&
        after.status !== undefined &&
        changesOnly(
          before.status,
          after.status,
          ["recall", "freeze", "mountProblems", "deviceMissing", "preempted"],
          ["preempted"],
        )),
  },
  {
    message: "a node sets deviceMissing, and only the controller clears it",
    allows: ({ part, before, after }) =>
      part !== "status" ||
      after.status?.["deviceMissing"] === before?.status?.["deviceMissing"] ||
      after.status?.["deviceMissing"] === true,
  },
];

function isMade({ before }: NodeWrite): boolean {
  return before === undefined;
}

function diskOf({ after }: NodeWrite): string {
  return String(after.spec["volumeId"]);
}

function isNamedRight(write: NodeWrite): boolean {
  const readable = attachmentObjectName({ diskUri: diskOf(write), nodeName: write.nodeName }).slice(
    0,
    -HASH_CHARS,
  );
  const { name } = write.after.metadata;
  return name.startsWith(readable) && HASH.test(name.slice(readable.length));
}

function statesOnlyItsRequest({ after: { metadata, spec } }: NodeWrite): boolean {
  const isRequest =
    spec["role"] === "Primary" &&
    spec["writerRequest"] !== undefined &&
    spec["recall"] === undefined &&
    spec["freeze"] === undefined &&
    spec["staged"] === undefined &&
    spec["published"] === undefined;
  return isRequest && sameJson(metadata.finalizers ?? [], [ATTACHMENT_FINALIZER]);
}

function hasOwnLabelsOnly({ after: { metadata } }: NodeWrite): boolean {
  const { labels = {}, annotations } = metadata;
  const isOwn = Object.keys(labels).every((label) => [NODE_NAME_LABEL, VOLUME_NAME_LABEL].includes(label));
  return isOwn && annotations === undefined;
}

function keptOf({ metadata }: NodeWrite["after"]): unknown {
  const { finalizers = [], labels = {}, annotations = {} } = metadata;
  return [finalizers, labels, annotations];
}
