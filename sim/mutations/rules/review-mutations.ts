import { withoutEarlierRecord } from "../masks.ts";
import type { Mutation } from "../mutation.ts";
import {
  attachedBeforeRecordedStorm,
  backAfterFenceStorm,
  backupsUnderMovesStorm,
  copiesStorm,
  deletedAfterFenceStorm,
  deletedBeforeFenceStorm,
  deletedInUseStorm,
  deletedVolumesStorm,
  deletedWhileStaleStorm,
  grantMovesStorm,
  kubeletForgetsStorm,
  lostDriverNodesStorm,
  lostWhileMovingStorm,
  nameMovesStorm,
  rawLeftOpenStorm,
  recordsLostStorm,
} from "../storms.ts";

/** Rules that only unit and contract tests had covered. */
export const reviewMutations: readonly Mutation[] = [
  {
    name: "cut-off-elsewhere",
    removes:
      "no disk is attached to a node that was fenced from another volume before it has shown that it is " +
      "clean",
    edits: {
      file: "src/controller/attachment/may-attach-now.ts",
      find: `return isOnVm(volume, node, "fenced", "fencing");`,
      replace: `return isOnVm(volume, { ...node, vmId: "" }, "fenced", "fencing");`,
    },
    alsoRemoves: ["held-device"],
    breaks: ["two-writers", "synced-data-lost", "formatted-data", "leaked"],
    storm: backAfterFenceStorm,
    shownBy: 5,
    takes:
      "a node is fenced with an old mount command under way, and another volume's disk gets the number " +
      "of the one that went",
    noticedBy: "src/controller/attachment/attachment-reconciler.test.ts",
  },
  {
    name: "tags-at-rest",
    removes: "the tags of a disk are written within a minute, whatever moves",
    edits: {
      file: "src/core/volume/tags/plan-state-tags.ts",
      find: `const afterMs = Math.min(untilRestMs, untilOverdueMs);`,
      replace: `const afterMs = untilRestMs;`,
    },
    alsoRemoves: ["held-device", "earlier-said"],
    breaks: ["two-writers", "synced-data-lost", "formatted-data", "leaked"],
    storm: lostWhileMovingStorm,
    shownBy: 15,
    takes:
      "a node is fenced in a mount, its volume never rests until its AzVolume is lost, and other disks " +
      "come to it",
    noticedBy: "src/core/volume/tags/plan-state-tags.test.ts",
  },
  {
    name: "untagged-goes",
    removes: "an AzVolume that a person deletes stands until its disk's tags keep its state",
    edits: {
      file: "src/controller/adoption/recreate-volume.ts",
      find: `!(areStateTagsDue(present.status) || isUnmarked(present)));`,
      replace: `!(areStateTagsDue(undefined) || isUnmarked(present)));`,
    },
    alsoRemoves: ["held-device", "earlier-said"],
    breaks: ["two-writers", "synced-data-lost", "formatted-data", "leaked"],
    storm: deletedAfterFenceStorm,
    takes: "a node is fenced in a mount, a person deletes the AzVolume, and other disks come to the node",
    noticedBy: "src/controller/disk/keep-state.test.ts",
  },
  {
    name: "earlier-record",
    removes: "an AzVolume that a person deletes is made again with the record that it had",
    edits: withoutEarlierRecord,
    breaks: ["healthy-writer-cut-off", "csi-answer", "two-writers", "synced-data-lost"],
    storm: deletedWhileStaleStorm,
    shownBy: 8,
    takes:
      "a person deletes all objects of the driver while Azure shows a disk as it was before its writer's " +
      "attach",
    noticedBy: "src/controller/disk/disk-reconciler.test.ts",
  },
  {
    name: "goes-as-cached",
    removes:
      "whether the tags of an AzVolume that a person deletes keep its state is judged on the version on " +
      "which it goes",
    edits: {
      file: "src/controller/adoption/recreate-volume.ts",
      find: `(present) => (mayGo(present) ?`,
      replace: `(present) => (mayGo(volume) ?`,
    },
    alsoRemoves: ["held-device"],
    breaks: ["two-writers", "synced-data-lost", "formatted-data", "leaked"],
    storm: deletedBeforeFenceStorm,
    shownBy: 43,
    takes:
      "a person deletes the AzVolume, a node is fenced in a mount while Azure is asked for the disk, " +
      "and other disks come to it",
    noticedBy: "src/controller/disk/keep-state.test.ts",
  },
  {
    name: "no-note",
    removes: "a node writes a checkpoint of a volume before it mounts it",
    edits: {
      file: "src/node/stage/stage-acquired.ts",
      find: `return ports.steps.run("checkpoint", () =>
    ports.checkpoints.put(`,
      replace: `return ports.steps.run("checkpoint", () =>
    ((_note: unknown, _signal: AbortSignal) => Promise.resolve(ok(undefined)))(`,
    },
    alsoRemoves: ["unnoted-mounts"],
    breaks: ["not-converged", "leaked"],
    storm: recordsLostStorm,
    shownBy: 4,
    takes: "an AzVolume is lost while a node writes: nothing tells that node what it may reclaim",
    noticedBy: "src/node/stage/stage-volume.test.ts",
  },
  {
    name: "trust-own-record",
    removes: "a node unmounts, reclaims and calls itself clean by no record of a backup that was put back",
    edits: {
      file: "src/node/care/volume-reconciler.ts",
      find: `const trusted = await trustRecord(ports, seen.value, signal);`,
      replace: `const trusted = ((..._: unknown[]): Result<void> => ok(undefined))(trustRecord);`,
    },
    breaks: ["healthy-writer-cut-off", "two-writers", "synced-data-lost"],
    storm: backupsUnderMovesStorm,
    takes:
      "the store is restored from a backup in which another node is the writer, while a pod uses the volume",
    noticedBy: "src/node/care/volume-reconciler.test.ts",
  },
  {
    name: "copied-state",
    removes: "what a copied disk's tags say of its source is not believed of the copy",
    edits: {
      file: "src/core/volume/tags/state-tags.ts",
      find: `if (stateOf !== undefined && stateOf !== diskName.toLowerCase()) return NOTHING_KEPT;`,
      replace: `void [stateOf, diskName];`,
    },
    breaks: ["not-converged"],
    storm: copiesStorm,
    takes:
      "a person copies a disk with its tags, gives the copy's file system another UUID, and uses it as " +
      "a volume of its own",
    noticedBy: "src/core/volume/tags/state-tags.test.ts",
  },
  {
    name: "replaced-waits",
    removes:
      "the other plans of a volume continue while Azure is asked about a VM in its record whose node " +
      "name is another VM's",
    edits: {
      file: "src/core/writer/plan-writer.ts",
      find: `  return [
    ...asksOfEarlierVms,
`,
      replace: `  if (asksOfEarlierVms.length > 0) return asksOfEarlierVms;
  return [
`,
    },
    breaks: ["not-converged"],
    storm: nameMovesStorm,
    takes:
      "a node is replaced under its name by another VM, and the earlier one is kept, switched off, " +
      "after it was fenced from a volume",
    noticedBy: "src/core/writer/plan-earlier-vm.test.ts",
  },
  {
    name: "name-alone",
    removes: "two nodes of one name are the same only if they have the same VM",
    edits: {
      file: "src/core/api/identity/node-identity.ts",
      find: `return left.nodeName === right.nodeName && isSameVmId(left.vmId, right.vmId);`,
      replace: `return left.nodeName === right.nodeName;`,
    },
    breaks: ["not-converged", "two-writers"],
    storm: nameMovesStorm,
    shownBy: 5,
    takes:
      "a node is replaced under its name by another VM, which passes for the writer that the record names",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "earlier-overwritten",
    removes:
      "no attach overwrites the word that the disk is on an earlier VM of the node's name, though the " +
      "record names that VM, too",
    edits: {
      file: "src/core/attachment/plan-attachment.ts",
      find: "  return earlierVmOf(attachment, node);",
      replace: `  const vm = earlierVmOf(attachment, node);
  const record = recordOf(observed);
  if (vm !== undefined && record !== undefined && !mayDetach(record, vm)) return undefined;
  return vm;`,
    },
    alsoRemoves: ["grant-distrusted"],
    breaks: ["not-converged", "leaked"],
    storm: grantMovesStorm,
    shownBy: 3,
    takes:
      "a node is granted a volume, is replaced under its name by another VM before it acquires it, and " +
      "the pod moves",
    noticedBy: "src/core/attachment/plan-attachment.test.ts",
  },
  {
    name: "by-hand-is-deletion",
    removes:
      "only DeleteVolume ends a volume: one whose AzVolume a person deletes serves, and keeps its replicas",
    edits: {
      file: "src/core/attachment/observed-volume.ts",
      find: `export function isDeleting({ spec }: AzVolume): boolean {
  return spec.deleteRequested;`,
      replace: `export function isDeleting({ metadata, spec }: AzVolume): boolean {
  return spec.deleteRequested || metadata.deletionTimestamp !== undefined;`,
    },
    breaks: ["replica-removed"],
    storm: deletedVolumesStorm,
    takes: "a person deletes the AzVolume of a volume that fails over",
    noticedBy: "src/core/attachment/replicas/plan-replicas.test.ts",
  },
  {
    name: "unregistered-at-once",
    removes:
      "a replica outlives its AzDriverNode for a minute, and for as long as the writer's node does not " +
      "report",
    edits: {
      file: "src/core/attachment/replicas/plan-lost-nodes.ts",
      find:
        "if (observed.unregisteredMs(nodeName) < UNREGISTERED_AFTER_MS || !isWriterWell(observed)) " +
        "return [];",
      replace: `if (observed.node(nodeName) !== undefined) return [];`,
    },
    breaks: ["replica-removed"],
    storm: lostDriverNodesStorm,
    shownBy: 1,
    takes: "a person deletes the AzDriverNode of a replica's node while the volume fails over",
    noticedBy: "src/core/attachment/replicas/plan-lost-nodes.test.ts",
  },
  {
    name: "raw-descriptors",
    removes: "a node is not clean while a process has the raw device open",
    edits: {
      file: "src/core/node/judge-clean.ts",
      find: `...processes("it is open in process", evidence.openInPids),`,
      replace: `...processes("it is open in process", []),`,
    },
    breaks: ["two-writers"],
    storm: rawLeftOpenStorm,
    takes: "a process on a node has a volume's raw device open while the pod moves",
    noticedBy: "src/core/node/judge-clean.test.ts",
  },
  {
    name: "other-namespaces",
    removes: "a node is not clean while the device is mounted in any other mount namespace",
    edits: [
      {
        file: "src/core/node/judge-clean.ts",
        find: `...evidence.heldPaths.map(`,
        replace: `...evidence.heldPaths.slice(0, 0).map(`,
      },
      {
        file: "src/core/node/judge-clean.ts",
        find: `...processes("it is mounted for process", evidence.mountedForPids),`,
        replace: `...processes("it is mounted for process", []),`,
      },
    ],
    breaks: ["two-writers"],
    storm: kubeletForgetsStorm,
    takes: "a container that its kubelet takes for ended runs on while the pod moves",
    noticedBy: "src/core/node/judge-clean.test.ts",
  },
  {
    name: "delete-held",
    removes: "DeleteVolume refuses a volume whose record has a writer",
    edits: {
      file: "src/csi/controller/deletion/delete-volume.ts",
      find: `  if (writer !== undefined && (writer.held || writer.requested))
`,
      replace: `  if (writer !== undefined && writer.nodeName === "")
`,
    },
    alsoRemoves: ["published-nodes"],
    breaks: ["not-converged"],
    storm: deletedInUseStorm,
    takes: "DeleteVolume is called for a volume that a pod uses, and the pod moves",
    noticedBy: "src/csi/controller/deletion/delete-volume.test.ts",
  },
  {
    name: "attached-is-new",
    removes: "a new disk that a VM has already is found, not new",
    edits: {
      file: "src/controller/disk/disk-reconciler.ts",
      find: `attachedTo.length === 0 &&`,
      replace: `attachedTo.length >= 0 &&`,
    },
    breaks: ["two-writers"],
    storm: attachedBeforeRecordedStorm,
    takes: "a controller dies before it records a new disk, and a person attaches the disk and opens it",
    noticedBy: "src/controller/disk/disk-reconciler.test.ts",
  },
];
