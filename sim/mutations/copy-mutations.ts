import type { Mutation } from "./mutation.ts";
import { restoresAndClonesStorm } from "./storms.ts";

const DISKS = "src/provisioner/disk/disks.ts";

/** Rules about volumes that are made of others and of snapshots (docs/adr/0037). */
export const copyMutations: readonly Mutation[] = [
  {
    name: "copy-unfinished",
    removes: "a copy is answered only once Azure has copied all of it",
    edits: [
      {
        file: "src/core/volume/unfinished-copy.ts",
        find: `if (state === "Succeeded" && completionPercent === undefined) return undefined;`,
        replace: `if (state === "Succeeded") return undefined;`,
      },
    ],
    alsoRemoves: [],
    breaks: ["copy-broken"],
    storm: restoresAndClonesStorm,
    takes: "a user makes a volume of another SKU of a volume or a snapshot: Azure copies in the background",
    noticedBy: "src/core/volume/unfinished-copy.test.ts",
  },
  {
    name: "failed-copy",
    removes: "a copy that Azure has failed is deleted, and copied again",
    edits: [
      {
        file: DISKS,
        find: `const isFailedCopy = existing.ok && request.sourceUri !== undefined;`,
        replace: `const isFailedCopy = existing.ok && request.diskName === "";`,
      },
    ],
    alsoRemoves: [],
    breaks: ["copy-broken"],
    storm: restoresAndClonesStorm,
    takes: "Azure accepts the request for a copy, and fails it: another PUT shows the disk as succeeded",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "copy-formatted",
    removes: "a copy on which nothing is found is not formatted",
    edits: [
      {
        file: "src/core/node/plan-file-system.ts",
        find: `      if (sourceUri !== undefined)\n        return {`,
        replace: `      if (sourceUri === "")\n        return {`,
      },
    ],
    alsoRemoves: [],
    breaks: ["formatted-data"],
    storm: restoresAndClonesStorm,
    takes: "a user clones a volume that no pod has used yet",
    noticedBy: "src/core/node/plan-file-system.test.ts",
  },
];
