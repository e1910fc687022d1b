import type { Mutation } from "../mutation.ts";
import { reservationsStorm } from "../storms.ts";

/** The rules of a fence by reservation (docs/adr/0070). */
export const reservationMutations: readonly Mutation[] = [
  {
    name: "reservation-kept",
    removes: "no node ends its reservation while it keeps a fenced node from writing",
    edits: {
      file: "src/node/writer/end-reservation.ts",
      find: `  if (nodesIn(volume.status?.record, "fencing", "unverified").length > 0) return;\n`,
      replace: ``,
    },
    breaks: ["two-writers"],
    storm: reservationsStorm,
    shownBy: 7,
    takes: "the next writer of a preempted disk releases it before Azure has detached the fenced node",
    noticedBy: "src/node/stage/reserve-disk.test.ts",
  },
  {
    name: "preempts-with-abort",
    removes: "a preemption aborts the writes that the disk has accepted from the fenced node",
    edits: {
      file: "src/node/writer/preempt-reconciler.ts",
      find: `ports.host.preempt({ device, key, victim }, signal),`,
      replace: `ports.host.reserve({ device, key, earlier: victim }, signal),`,
    },
    breaks: ["two-writers"],
    storm: reservationsStorm,
    shownBy: 3,
    takes: "a node is fenced whose last writes the disk has accepted and not carried out",
    noticedBy: "src/node/writer/preempt-reconciler.test.ts",
  },
  {
    name: "preempts-fenced-only",
    removes: "a preemption cuts off the writer that is being fenced, and no later one",
    edits: {
      file: "src/core/writer/reservation/fenced-grant.ts",
      find: `  if (!isSameNode(record.fencing, writer)) return undefined;\n`,
      replace: ``,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: reservationsStorm,
    shownBy: 4,
    takes: "the next writer mounts before Azure has detached the fenced node",
    noticedBy: "src/core/writer/reservation/fenced-grant.test.ts",
  },
];
