import type { Mutation } from "../mutation.ts";
import {
  copiedSnapshotsStorm,
  frozenSnapshotsStorm,
  lateGrowthStorm,
  restoredInFreezeStorm,
} from "../storms.ts";

const PLAN = "src/core/volume/copies/plan-frozen-snapshot.ts";
const PLAN_TEST = "src/core/volume/copies/plan-frozen-snapshot.test.ts";
const BOTH_TEST = "src/csi/controller/snapshots/snapshot-and-growth.test.ts";

/** The rules of snapshots of frozen file systems, and of those that Azure copies in the background. */
export const snapshotMutations: readonly Mutation[] = [
  {
    name: "freeze-first",
    removes: "a snapshot is asked for only once the node has answered that the file system is frozen",
    edits: [{ file: PLAN, find: "if (isOpen || request.isCancelled", replace: "if (request.isCancelled" }],
    breaks: ["snapshot-broken"],
    storm: frozenSnapshotsStorm,
    shownBy: 15,
    takes: "a snapshot is taken with a freeze while a pod writes",
    noticedBy: PLAN_TEST,
  },
  {
    name: "freeze-held",
    removes: "a snapshot counts only if the node answers that the freeze held until Azure had taken it",
    edits: {
      file: PLAN,
      find: `  if (answer.state === "Held")`,
      replace: `  if (answer.state === "Held" || answer.state === "Lost")`,
    },
    breaks: ["snapshot-broken"],
    storm: frozenSnapshotsStorm,
    shownBy: 8,
    takes: "a node plug-in dies, or Azure is slow, while a pod writes and its snapshot is taken",
    noticedBy: PLAN_TEST,
  },
  {
    name: "freeze-taken",
    removes: "a node calls a freeze held only where the controller has marked its request as taken",
    edits: {
      file: "src/core/node/plan-freeze.ts",
      find: "if (standing?.isTaken === true) return",
      replace: "if (standing?.isTaken === true || request === undefined) return",
    },
    breaks: ["snapshot-broken"],
    storm: restoredInFreezeStorm,
    takes: "a backup without the request is put back while Azure takes the snapshot of a writing pod",
    noticedBy: "src/core/node/plan-freeze.test.ts",
  },
  {
    name: "snapshot-noted",
    removes: "no disk is asked to grow while Azure may be about to make a snapshot that was asked for lately",
    edits: {
      file: "src/csi/controller/snapshots/unfinished-snapshot.ts",
      find: "if (!read.ok || isUnfinished(read.value)) return ok({ snapshotUri, isShown: read.ok });",
      replace: "",
    },
    breaks: ["not-converged", "snapshot-broken"],
    storm: copiedSnapshotsStorm,
    shownBy: 3,
    takes: "a disk is to grow while the request for its snapshot is under way to Azure",
    noticedBy: BOTH_TEST,
  },
  {
    name: "snapshot-noted-since",
    removes: "a growth is asked for only where no snapshot was asked for since the look at them",
    edits: {
      file: "src/csi/controller/request-size.ts",
      find: "inTheWay = unseenSnapshot(present, volume, context.clock.nowMs());",
      replace: "",
    },
    breaks: ["not-converged", "snapshot-broken"],
    storm: copiedSnapshotsStorm,
    shownBy: 6,
    takes: "a snapshot is asked for between the look and the request of an expansion",
    noticedBy: BOTH_TEST,
  },
  {
    name: "snapshot-after-growth",
    removes: "no snapshot that Azure copies is asked for while its disk is asked to grow",
    edits: {
      file: "src/csi/controller/snapshots/snapshot-note.ts",
      find: "refused = refuseWhileGrowing(present, sourceUri, clock.nowMs());",
      replace: "",
    },
    breaks: ["not-converged", "snapshot-broken"],
    storm: copiedSnapshotsStorm,
    takes: "a snapshot is asked for while Azure is slow to grow its disk",
    noticedBy: BOTH_TEST,
  },
  {
    name: "growth-noted",
    removes:
      "no snapshot that Azure copies is asked for while a request for a refused growth may still arrive",
    edits: {
      file: "src/csi/controller/snapshots/growth-under-way.ts",
      find: "sizeOnItsWay(volume, nowMs) ?? 0",
      replace: "0",
    },
    breaks: ["not-converged", "snapshot-broken"],
    storm: lateGrowthStorm,
    takes: "a request for a growth that a dead leader has sent arrives after the next leader's was refused",
    noticedBy: BOTH_TEST,
  },
];
