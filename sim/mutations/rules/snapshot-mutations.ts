import type { Mutation } from "../mutation.ts";
import { frozenSnapshotsStorm, restoredInFreezeStorm } from "../storms.ts";

const PLAN = "src/core/volume/copies/plan-frozen-snapshot.ts";
const PLAN_TEST = "src/core/volume/copies/plan-frozen-snapshot.test.ts";

/** The rules of snapshots of frozen file systems. */
export const snapshotMutations: readonly Mutation[] = [
  {
    name: "freeze-first",
    removes: "a snapshot is asked for only once the node has answered that the file system is frozen",
    edits: [{ file: PLAN, find: "if (isOpen || request.isCancelled", replace: "if (request.isCancelled" }],
    alsoRemoves: [],
    breaks: ["snapshot-broken"],
    storm: frozenSnapshotsStorm,
    shownBy: 12,
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
    shownBy: 8,
    takes: "a node plug-in dies, or Azure is slow, while a pod writes and its snapshot is taken",
    noticedBy: PLAN_TEST,
  },
  {
    name: "freeze-taken",
    removes: "a node calls a freeze held only where the controller has marked its request as taken",
    edits: [
      {
        file: "src/core/node/plan-freeze.ts",
        find: "if (asked?.isTaken === true) return",
        replace: "if (asked?.isTaken === true || request === undefined) return",
      },
    ],
    alsoRemoves: [],
    breaks: ["snapshot-broken"],
    storm: restoredInFreezeStorm,
    shownBy: 6,
    takes: "a backup without the request is put back while Azure takes the snapshot of a writing pod",
    noticedBy: "src/core/node/plan-freeze.test.ts",
  },
];
