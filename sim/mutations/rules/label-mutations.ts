import type { Mutation } from "../mutation.ts";
import { labelledNodesStorm, removedLabelsStorm } from "../storms.ts";

/** The rules by which the object store sends a node the volumes that concern it (docs/adr/0069). */
export const labelMutations: readonly Mutation[] = [
  {
    name: "label-first",
    removes: "no record comes to name a node before the AzVolume has that node's label",
    edits: {
      file: "src/controller/label-first.ts",
      find: `if (labels === undefined) return ok(volume);`,
      replace: `if (labels === undefined || labels !== volume.metadata.labels) return ok(volume);`,
    },
    breaks: ["unlabelled"],
    storm: labelledNodesStorm,
    takes: "a pod runs",
    noticedBy: "src/controller/label-first.test.ts",
  },
  {
    name: "label-attached",
    removes: "a volume is labelled for the nodes of its attachments",
    edits: {
      file: "src/controller/writer/volume-reconciler.ts",
      find: `  passes.push(() => labelNodes(ports, observed, signal));\n`,
      replace: "",
    },
    breaks: ["unlabelled"],
    storm: labelledNodesStorm,
    shownBy: 2,
    takes: "a volume has a replica",
    noticedBy: "src/controller/writer/label-nodes.test.ts",
  },
  {
    name: "label-kept",
    removes: "a volume keeps the labels of the nodes that its record names",
    edits: {
      file: "src/core/writer/record/node-labels.ts",
      find: `new Set([...recordLabels(status?.record), ...attachedTo.map(nodeLabel)])`,
      replace: `new Set(attachedTo.map(nodeLabel))`,
    },
    breaks: ["unlabelled"],
    storm: labelledNodesStorm,
    takes: "a fenced node has no attachment any more, and the volume gets one to another node",
    noticedBy: "src/core/writer/record/node-labels.test.ts",
  },
  {
    name: "attachment-labels-kept",
    removes: "an attachment keeps the labels by which its node sees it",
    edits: {
      file: "src/controller/attachment/restore-labels.ts",
      find: `return withAttachmentLabels(attachment) === undefined;`,
      replace: `return withAttachmentLabels(attachment) === undefined || attachment.spec.nodeName !== "";`,
    },
    breaks: ["not-converged"],
    storm: removedLabelsStorm,
    takes: "a tool removes the labels of all objects",
    noticedBy: "src/controller/attachment/attachment-reconciler.test.ts",
  },
];
