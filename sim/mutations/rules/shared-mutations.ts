import type { Mutation } from "../mutation.ts";
import { sharedVolumesStorm } from "../storms.ts";

/** Rules of volumes that several nodes write: they have no record. */
export const sharedMutations: readonly Mutation[] = [
  {
    name: "shared-surplus-at-once",
    removes:
      "where several nodes write, a replica too many is kept for a while after one of them has left: its " +
      "next pod may come to any of them",
    edits: [
      {
        file: "src/core/attachment/plan-replicas.ts",
        find: `  return isWriterWell(observed) && settledInMs(observed, replicas) <= 0;`,
        replace: `  return isWriterWell(observed) || settledInMs(observed, replicas) <= 0;`,
      },
    ],
    alsoRemoves: [],
    breaks: ["replica-removed"],
    storm: sharedVolumesStorm,
    takes: "a pod leaves one of two nodes that share a volume with one replica",
    noticedBy: "src/core/attachment/plan-replicas.test.ts",
  },
  {
    name: "shared-kept-in-use",
    removes:
      "a volume that several nodes write stays attached as a replica only to a node that has unstaged it " +
      "before it was unpublished",
    edits: [
      {
        file: "src/csi/controller/publish/controller-unpublish-volume.ts",
        find: `  const marksUse = !isSingleWriter(volume.spec.capabilities);`,
        replace: `  const marksUse = false && !isSingleWriter(volume.spec.capabilities);`,
      },
    ],
    alsoRemoves: [],
    breaks: ["csi-answer"],
    storm: sharedVolumesStorm,
    shownBy: 3,
    takes: "Kubernetes unpublishes a shared volume by force",
    noticedBy: "src/csi/controller/publish/controller-unpublish-volume.test.ts",
  },
  {
    name: "shared-primary-by-cache",
    removes:
      "where several nodes write, a primary whose pod a cache does not show is deleted only once the " +
      "orchestrator says past the cache that there is none",
    edits: [
      {
        file: "src/controller/attachment/removal/delete-replica.ts",
        find: `  if (record === undefined && cached.spec.role === "Primary" &&`,
        replace: `  if (record === undefined && cached.spec.nodeName === "" &&`,
      },
    ],
    alsoRemoves: [],
    breaks: ["healthy-writer-cut-off", "replica-removed"],
    storm: sharedVolumesStorm,
    shownBy: 42,
    takes: "a controller does not see the pods for a while, and nodes attach by themselves",
    noticedBy: "src/controller/attachment/removal/delete-replica.test.ts",
  },
  {
    name: "shared-request-made-again",
    removes:
      "where several nodes write, only an attachment with a user is made again after its deletion: one " +
      "that a lost node has left behind is detached",
    edits: [
      {
        file: "src/core/attachment/plan-attachment.ts",
        find: `  const mayBeKept = record !== undefined || observed.hasUser(attachment.spec.nodeName);`,
        replace: `  const mayBeKept = record !== undefined || attachment.spec.nodeName !== "";`,
      },
    ],
    alsoRemoves: [],
    breaks: ["spinning"],
    storm: { ...sharedVolumesStorm, attach: "driver" },
    takes: "a node that shares a volume is out of service, and attaches by itself",
    noticedBy: "src/core/attachment/plan-attachment.test.ts",
  },
];
