import type { Mutation } from "./mutation.ts";
import { frozenSnapshotsStorm } from "./storms.ts";

const PLAN = "src/core/volume/plan-frozen-snapshot.ts";
const PLAN_TEST = "src/core/volume/plan-frozen-snapshot.test.ts";

/** The rules of snapshots of frozen file systems. */
export const snapshotMutations: readonly Mutation[] = [
  {
    name: "freeze-first",
    removes: "a snapshot is asked for only once the node has answered that the file system is frozen",
    edits: [{ file: PLAN, find: "if (isOpen || request.isCancelled", replace: "if (request.isCancelled" }],
    alsoRemoves: [],
    breaks: ["snapshot-broken"],
    storm: frozenSnapshotsStorm,
    takes: "a snapshot is taken with a freeze while a pod writes",
    noticedBy: PLAN_TEST,
  },
  {
    name: "freeze-held",
    removes: "a snapshot counts only if the node answers that the freeze held until Azure had taken it",
    edits: [
      {
        file: PLAN,
        find: `  if (answer.state === "Held")`,
        replace: `  if (answer.state === "Held" || answer.state === "Lost")`,
      },
    ],
    alsoRemoves: [],
    breaks: ["snapshot-broken"],
    storm: frozenSnapshotsStorm,
    takes: "a node plug-in dies, or Azure is slow, while a pod writes and its snapshot is taken",
    noticedBy: PLAN_TEST,
  },
];
