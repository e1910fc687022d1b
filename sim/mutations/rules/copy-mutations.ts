import type { Mutation } from "../mutation.ts";
import { restoresAndClonesStorm } from "../storms.ts";

const DISKS = "src/provisioner/disk/disks.ts";

/** Rules about volumes that are made of others and of snapshots (docs/adr/0037). */
export const copyMutations: readonly Mutation[] = [
  {
    name: "filling-source",
    removes: "the source of a copy that was answered is deleted only once Azure has filled the copy",
    edits: {
      file: "src/core/volume/copies/copy-progress.ts",
      find: `if (!mayBeFilledFrom(volume, sourceUri) || isDeleting(volume)`,
      replace: `if (sourceUri !== "" || isDeleting(volume)`,
    },
    breaks: ["copy-broken"],
    storm: restoresAndClonesStorm,
    shownBy: 15,
    takes: "a user restores a snapshot to another SKU, or clones a volume, and deletes it once that is bound",
    noticedBy: "src/core/volume/copies/copy-progress.test.ts",
  },
  {
    name: "failed-copy",
    removes: "a copy that Azure has failed is deleted, and copied again",
    edits: {
      file: DISKS,
      find: `const isFailedCopy = existing.ok && request.sourceUri !== undefined;`,
      replace: `const isFailedCopy = existing.ok && request.diskName === "";`,
    },
    breaks: ["copy-broken"],
    storm: restoresAndClonesStorm,
    shownBy: 2,
    takes: "Azure accepts the request for a copy, and fails it: another PUT shows the disk as succeeded",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "copy-formatted",
    removes: "a copy on which nothing is found is not formatted",
    edits: {
      file: "src/core/node/file-system/plan-file-system.ts",
      find: `      if (sourceUri !== undefined)`,
      replace: `      if (sourceUri === "")`,
    },
    breaks: ["formatted-data"],
    storm: restoresAndClonesStorm,
    takes: "a user clones a volume that no pod has used yet",
    noticedBy: "src/core/node/file-system/plan-file-system.test.ts",
  },
  {
    name: "source-in-use",
    removes:
      "DeleteSnapshot succeeds only once Azure has deleted the snapshot, which it refuses while it copies it",
    edits: {
      file: "src/provisioner/snapshot/snapshots.ts",
      find: `if (deleted.ok || saysGone(deleted.failure)) return ok(undefined);`,
      replace:
        `if (deleted.ok || saysGone(deleted.failure) || deleted.failure.statusCode === 409) ` +
        `return ok(undefined);`,
    },
    breaks: ["snapshot-broken"],
    storm: restoresAndClonesStorm,
    shownBy: 2,
    takes: "a user deletes a snapshot while Azure makes a disk of it",
    noticedBy: "src/provisioner/snapshot/snapshots.test.ts",
  },
  {
    name: "copy-source-early",
    removes: "the snapshot of which one in another region is made is deleted only once that is complete",
    edits: {
      file: "src/core/volume/copies/plan-snapshot-copy.ts",
      find: `    case "copying":\n      return "wait";`,
      replace: `    case "copying":\n      return made === "complete" ? "deleteSource" : "wait";`,
    },
    breaks: ["copy-broken"],
    storm: { strikes: { "azure/answers-lost": 1 } },
    shownBy: 6,
    takes: "a user makes a snapshot in another region: Azure ends its copy with its source",
    noticedBy: "src/core/volume/copies/plan-snapshot-copy.test.ts",
  },
  {
    name: "refused-left",
    removes: "a volume whose creation is refused for good is deleted, with what Azure has of its disk",
    edits: {
      file: "src/csi/controller/create-volume.ts",
      find: `if (elsewhere === undefined) return giveUp(context, volume, { request, target }, call);`,
      replace: `if (elsewhere === undefined) return fail(fromObjectError(volume.status.error));`,
    },
    breaks: ["leaked"],
    storm: restoresAndClonesStorm,
    shownBy: 3,
    takes: "a source is deleted while a copy of it is begun, and its user deletes the claim",
    noticedBy: "src/csi/controller/create-volume.test.ts",
  },
];
