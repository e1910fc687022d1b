import { type Finding, untried } from "../experiment.ts";

/** What became of one write of each VM: `written`, or the name of the error. */
export interface ReservedWrites {
  readonly when: string;
  /** Of the VM that holds the reservation; undefined: it has no disk then, and writes nothing. */
  readonly own: string | undefined;
  /** Of the VM that has not registered; undefined likewise. */
  readonly other: string | undefined;
}

/**
 * What a direct write fails with that a reservation refuses. Linux maps RESERVATION CONFLICT of SCSI (0x18)
 * and of NVMe (0x83) to it (`BLK_STS_RESV_CONFLICT`, before 6.2 `BLK_STS_NEXUS`). EIO is any other failure.
 */
export const CONFLICT = "EBADE";

/**
 * What the writes before the reservation, while it stood and after its end show; without `mayStop` the VM was
 * neither restarted nor deallocated.
 */
export function judgeReservations(
  seen: readonly ReservedWrites[],
  { mayStop }: { readonly mayStop: boolean },
): Finding {
  const [before, ...reserved] = seen.slice(0, -1);
  const ended = seen.at(-1);
  const all = seen.map(described).join("; ");
  const failed = (why: string): Finding => untried(`${why}: ${all}`);
  if (before?.own !== "written" || before.other !== "written")
    return failed("the VMs could not write before the reservation");
  if (reserved.some(({ own, other }) => own === CONFLICT || other === "written") || ended?.other === CONFLICT)
    return { verdict: "broken", detail: all };
  const isOther = ({ own = "written", other = CONFLICT }: ReservedWrites): boolean =>
    own !== "written" || other !== CONFLICT;
  if (reserved.some(isOther) || ended?.own !== "written" || ended.other !== "written")
    return failed(`a write failed otherwise than by a reservation conflict (${CONFLICT})`);
  if (!reserved.some(({ own }) => own === undefined) || !reserved.some(({ other }) => other === undefined))
    return failed("no detach was tried");
  if (mayStop) return { verdict: "held", detail: all };
  return failed(
    "it was kept over the detaches, but restart and deallocation were not tried: permit them by --may-stop",
  );
}

function described({ when, own, other }: ReservedWrites): string {
  const holder = own === undefined ? "the holder has no disk" : `the holder's write ${own}`;
  const second = other === undefined ? "the other VM has no disk" : `the other VM's ${other}`;
  return `${when}: ${holder}, ${second}`;
}
