import type { Mutation } from "../mutation.ts";
import { lostSharedVolumesStorm, restoredSharedClustersStorm, sharedVolumesStorm } from "../storms.ts";

/** Rules of volumes that several nodes write: they have no record. */
export const sharedMutations: readonly Mutation[] = [
  {
    name: "shared-surplus-at-once",
    removes:
      "where several nodes write, a replica too many is kept for a while after one of them has left: its " +
      "next pod may come to any of them",
    edits: {
      file: "src/core/attachment/replicas/plan-surplus.ts",
      find: `  return isWriterWell(observed) && settledInMs(observed, replicas) <= 0;`,
      replace: `  return isWriterWell(observed) || settledInMs(observed, replicas) <= 0;`,
    },
    breaks: ["replica-removed"],
    storm: sharedVolumesStorm,
    shownBy: 2,
    takes: "a pod leaves one of two nodes that share a volume with one replica",
    noticedBy: "src/core/attachment/replicas/plan-surplus.test.ts",
  },
  {
    name: "shared-kept-in-use",
    removes:
      "a volume that several nodes write is unpublished from a node in service only once the node has " +
      "taken back the mark that it has staged it",
    edits: [
      {
        file: "src/csi/controller/publish/controller-unpublish-volume.ts",
        find: `    staged === undefined || node.isLost ? undefined :`,
        replace: `    staged === undefined || node.isLost || true ? undefined :`,
      },
      {
        file: "src/csi/controller/publish/unpublish-obstacle.ts",
        find: `  return spec.writerRequest === undefined &&`,
        replace: `  return spec.writerRequest === undefined || true ||`,
      },
    ],
    breaks: ["csi-answer", "healthy-writer-cut-off"],
    storm: restoredSharedClustersStorm,
    shownBy: 3,
    takes: "a pod comes to the node while its volume is being unpublished there",
    noticedBy: "src/csi/controller/publish/controller-unpublish-volume.test.ts",
  },
  {
    name: "shared-request-made-again",
    removes:
      "where several nodes write, the attachment that a lost node has left behind is not made again after " +
      "its deletion, but detached",
    edits: {
      file: "src/core/attachment/plan-attachment.ts",
      find: `  return holdsDisk(attachment) && !isOutOfService(observed, nodeName);`,
      replace: `  return true;`,
    },
    breaks: ["spinning"],
    storm: { ...sharedVolumesStorm, attach: "driver" },
    shownBy: 16,
    takes: "a node that shares a volume is out of service, and attaches by itself",
    noticedBy: "src/core/attachment/plan-attachment.test.ts",
  },
  {
    name: "shared-staged-kept",
    removes:
      "where several nodes write, a replica that is marked as staged is neither deleted nor detached, " +
      "unless its node is lost",
    edits: [
      {
        file: "src/core/attachment/is-replica.ts",
        find: `  if (spec.staged !== true || isSingleWriter(`,
        replace: `  if (spec.staged === true || isSingleWriter(`,
      },
      {
        file: "src/controller/attachment/removal/detach.ts",
        find: `  if (keepsStaged && attachment.spec.staged === true) return false;`,
        replace: ``,
      },
    ],
    breaks: ["healthy-writer-cut-off", "replica-removed", "not-converged"],
    storm: {
      ...lostSharedVolumesStorm,
      attach: "driver",
      // Each replica is one too many, at once.
      workload: { ...sharedVolumesStorm.workload, replicas: 0 },
    },
    takes: "all objects are erased while pods on several nodes share a volume",
    noticedBy: "src/core/attachment/is-replica.test.ts",
  },
  {
    name: "shared-made-marked",
    removes:
      "where several nodes write, an attachment that is made without a request, or whose disk is found on " +
      "the VM, is marked as staged",
    edits: [
      {
        file: "src/objects/new-attachment.ts",
        find: `    ...(isSingleWriter(spec.capabilities) ? {} : { staged: true }),`,
        replace: `    ...(isSingleWriter(spec.capabilities) ? {} : {}),`,
      },
      {
        file: "src/controller/adoption/record-attached-vms.ts",
        find: `    (present) => (isToMark(present) ? asStaged(present) : undefined),`,
        replace: `    (present) => (isToMark(present) && signal.aborted ? asStaged(present) : undefined),`,
      },
      {
        file: "src/controller/attachment/attach.ts",
        find: `  const isToMark = isFoundThere && !isSingleWriter(`,
        replace: `  const isToMark = signal.aborted && !isSingleWriter(`,
      },
    ],
    breaks: ["healthy-writer-cut-off", "replica-removed", "not-converged"],
    storm: {
      ...lostSharedVolumesStorm,
      attach: "driver",
      workload: { ...sharedVolumesStorm.workload, replicas: 0 },
    },
    takes: "all objects are erased while pods on several nodes share a volume",
    noticedBy: "src/controller/adoption/compare-attachments.test.ts",
  },
  {
    name: "shared-withdrawn-marked",
    removes:
      "where several nodes write, a controller that withdraws a node's request leaves the mark that it may " +
      "have staged the volume",
    edits: {
      file: "src/objects/writer-request.ts",
      find: `  return isShared && mayHaveIt ?`,
      replace: `  return isShared && mayHaveIt && present.metadata.name === "" ?`,
    },
    breaks: ["csi-answer", "healthy-writer-cut-off"],
    storm: restoredSharedClustersStorm,
    shownBy: 26,
    takes: "a pod is deleted by force, and its volume unpublished before it is unstaged",
    noticedBy: "src/objects/writer-request.test.ts",
  },
  {
    name: "shared-rebuild-marks",
    removes: "where several nodes write, a rebuild marks each attachment as staged",
    edits: {
      file: "src/controller/rollback/distrust-shared.ts",
      find: `  const kept = await changeSpec(store, target, asStaged, signal);`,
      replace: `  const kept = await changeSpec(store, target, () => undefined, signal);`,
    },
    breaks: ["csi-answer", "healthy-writer-cut-off", "replica-removed"],
    storm: restoredSharedClustersStorm,
    shownBy: 7,
    takes: "a backup of etcd is restored to before a pod came to a node",
    noticedBy: "src/controller/rollback/distrust-shared.test.ts",
  },
  {
    name: "shared-request-lost",
    removes:
      "if nodes attach by themselves, a node that shares a volume states its request again once it is lost",
    edits: {
      file: "src/core/node/plan-node-volume.ts",
      find: `  if (hasLostRequest(observed)) return [{ kind: "RequestWriter" }];`,
      replace: `  if (observed.node.nodeName === "") return [{ kind: "RequestWriter" }];`,
    },
    breaks: ["not-converged"],
    storm: {
      ...lostSharedVolumesStorm,
      attach: "driver",
      // Where objects are deleted by hand, every pod is restarted at the end, and states its request again.
      strikes: { "loss/everything-erased": 2, "loss/volume-erased": 1, "haste/hunted": 2 },
    },
    takes: "all objects are erased while pods on several nodes share a volume",
    noticedBy: "src/core/node/plan-node-volume.test.ts",
  },
  {
    name: "shared-restored",
    removes:
      "where several nodes write, every attachment that a restored backup shows counts as one whose detach " +
      "is under way, until its VM's ETag has moved",
    edits: {
      file: "src/controller/rollback/distrust-shared.ts",
      find: `  return diskUri === undefined || isSingleWriter(volume.spec.capabilities) ?`,
      replace: `  return diskUri === undefined || isSingleWriter(volume.spec.capabilities) || true ?`,
    },
    alsoRemoves: ["attachment-between-rebuilds"],
    breaks: ["healthy-writer-cut-off"],
    storm: { ...sharedVolumesStorm, strikes: { "azure/replica-leaving-and-restored": 2 } },
    takes: "a backup is restored while a detach is under way, and a pod comes to that node",
    noticedBy: "src/controller/rollback/distrust-shared.test.ts",
  },
  {
    name: "shared-made-again",
    removes:
      "where several nodes write, an attachment that is made again, or corrected, counts as one whose " +
      "detach is under way, until its VM's ETag has moved",
    edits: {
      file: "src/controller/adoption/record-attached-vms.ts",
      find: `return isShared ? leavingStatus(`,
      replace: `return isShared && attempt === "" ? leavingStatus(`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: { ...sharedVolumesStorm, strikes: { "azure/replica-leaving-and-erased": 2 } },
    shownBy: 2,
    takes: "all objects are erased while a detach is under way, and a pod comes to that node",
    noticedBy: "src/controller/adoption/compare-attachments.test.ts",
  },
];
