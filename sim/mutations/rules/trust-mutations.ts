import { requestsAlone } from "../masks.ts";
import type { Mutation } from "../mutation.ts";
import { anothersNameStorm, impostorStorm, missingNodesNameStorm, nodesMadeAgainStorm } from "../storms.ts";

/** The rules about what the token of one node may affect (docs/adr/0028). */
export const trustMutations: readonly Mutation[] = [
  {
    name: "consistency",
    removes: "an attachment whose name, volume and disk contradict each other is ignored",
    edits: {
      file: "src/core/api/identity/attachment-identity.ts",
      find: `const expected = attachmentObjectName({ diskUri: volumeId, nodeName });`,
      replace: `return undefined;
  const expected = attachmentObjectName({ diskUri: volumeId, nodeName });`,
    },
    alsoRemoves: ["wants-alone"],
    breaks: ["granted-unasked", "spinning"],
    storm: {
      attach: "driver",
      workload: { maxShares: 2, replicas: 1, access: "mount" },
      strikes: { "malicious/squats": 4, "nodes/freeze-and-mark": 2 },
    },
    shownBy: 2,
    takes: "a node's token makes attachments under the names of others, of other volumes and of other disks",
    noticedBy: "src/core/api/identity/attachment-identity.test.ts",
  },
  {
    name: "user-behind-want",
    removes: "if nodes attach by themselves, a request counts only while a pod is seen there",
    edits: requestsAlone,
    breaks: ["granted-unasked"],
    storm: {
      attach: "driver",
      workload: { maxShares: 2, replicas: 1, access: "mount" },
      strikes: { "malicious/requests-everything": 8, "nodes/freeze-and-mark": 4 },
    },
    takes: "a node's token requests a volume that no pod of the node uses",
    noticedBy: "src/controller/backed-attachment.test.ts",
  },
  {
    name: "unconfirmed",
    removes: "a node named only by its own checkpoints may not reclaim a volume before Azure lists its VM",
    edits: {
      file: "src/core/writer/record/writer-steps.ts",
      find: `withUnverified(record, node, { unconfirmed: true })`,
      replace: `withUnverified(record, node)`,
    },
    breaks: ["two-writers"],
    storm: { attach: "driver", strikes: { "malicious/reclaims-everything": 4, "loss/volume-deleted": 4 } },
    takes:
      "records are rebuilt while a node's token reports checkpoints of volumes that the node never had, " +
      "and reclaims them",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "own-word",
    removes: "an AzDriverNode that reports another VM than its Node names makes no VM a node",
    edits: {
      file: "src/controller/controller-cache.ts",
      find: `    if (status === undefined) return undefined;`,
      replace: `    if (status === undefined || metadata.name !== "") return undefined;`,
    },
    breaks: ["bystander-cut-off"],
    storm: impostorStorm,
    takes:
      "a node's token says that its VM is the one to which a person has attached a disk, and that the " +
      "disk is not in use there",
    noticedBy: "src/controller/controller-cache.test.ts",
  },
  {
    name: "node-uid",
    removes: "entries of a record bear the uid of the Node that names their VM",
    edits: {
      file: "src/core/api/identity/node-identity.ts",
      find: `...(nodeUid === undefined ? {} : { nodeUid }) };`,
      replace: `...(nodeUid === undefined ? {} : {}) };`,
    },
    breaks: ["two-writers"],
    storm: anothersNameStorm,
    takes:
      "a node's name is given to another VM while the earlier one could write, and the other's token " +
      "releases its grant before a controller has seen the next Node",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "node-uid-kept",
    removes: "a record that is made again while a Node is missing keeps the uid of that Node's entries",
    edits: {
      file: "src/core/writer/record/rebuilt-record.ts",
      find: `withUidFrom(entries, node)`,
      replace: `node`,
    },
    alsoRemoves: ["unnamed-distrusted"],
    breaks: ["two-writers"],
    storm: missingNodesNameStorm,
    shownBy: 4,
    takes:
      "the Lease is erased while a Node is missing; then its name is given to another VM, whose token " +
      "proves the earlier VM clean",
    noticedBy: "src/core/writer/record/rebuilt-record.test.ts",
  },
  {
    name: "give-refused",
    removes:
      "a node in service that has unmounted a volume is not fenced while the policy refuses its release",
    edits: {
      file: "src/core/writer/plan-recall.ts",
      find: `  if (answer.releaseRefused === true && !isOut) return { hasFailed: false, because: RELEASE_REFUSED };
`,
      replace: "",
    },
    breaks: ["healthy-writer-cut-off"],
    storm: nodesMadeAgainStorm,
    takes:
      "the Node of a VM that runs on is made again, its pod moves, and its plug-in's token is renewed " +
      "minutes later",
    noticedBy: "src/core/writer/plan-recall.test.ts",
  },
  {
    name: "lone-reports",
    removes: "a single node's report of a rollback is believed once in ten minutes",
    edits: {
      file: "src/core/rollback/judge-reports.ts",
      find: `return { ...within(lone, nowMs, REPEAT_MS), [nodeName]: nowMs };`,
      replace: `return {};`,
    },
    breaks: ["arm-budget"],
    storm: { isQuiet: true, strikes: { "malicious/reclaims-everything": 3 } },
    shownBy: 2,
    takes: "a node's token reports a rollback again and again",
    noticedBy: "src/core/rollback/judge-reports.test.ts",
  },
];
