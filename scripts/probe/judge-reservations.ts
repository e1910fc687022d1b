import { type Finding, untried } from "./experiment.ts";

/** What became of one write of each VM: `written`, or the name of the error. */
export interface ReservedWrites {
  readonly when: string;
  /** Of the VM that holds the reservation; undefined: it has no disk then, and writes nothing. */
  readonly own: string | undefined;
  /** Of the VM that has not registered. */
  readonly other: string;
}

/**
 * What a direct write fails with that a reservation refuses. Linux maps RESERVATION CONFLICT of SCSI (0x18)
 * and of NVMe (0x83) to it (`BLK_STS_RESV_CONFLICT`, before 6.2 `BLK_STS_NEXUS`). EIO is any other failure.
 */
const CONFLICT = "EBADE";

/** What the writes before and after the reservation show; without `mayStop` the VM was not deallocated. */
export function judgeReservations(
  [before, ...reserved]: readonly ReservedWrites[],
  { mayStop }: { readonly mayStop: boolean },
): Finding {
  const seen = [...(before === undefined ? [] : [before]), ...reserved].map(described).join("; ");
  const failed = (why: string): Finding => untried(`${why}: ${seen}`);
  if (before?.own !== "written" || before.other !== "written")
    return failed("the VMs could not write before the reservation");
  if (reserved.some(({ own, other }) => own === CONFLICT || other === "written"))
    return { verdict: "broken", detail: seen };
  if (reserved.some(({ own = "written", other }) => own !== "written" || other !== CONFLICT))
    return failed(`a write failed otherwise than by a reservation conflict (${CONFLICT})`);
  if (!reserved.some(({ own }) => own === undefined)) return failed("no detach was tried");
  if (mayStop) return { verdict: "held", detail: seen };
  return failed("it was kept over the detach, but deallocation was not tried: permit that by --may-stop");
}

function described({ when, own, other }: ReservedWrites): string {
  const holder = own === undefined ? "the holder has no disk" : `the holder's write ${own}`;
  return `${when}: ${holder}, the other VM's ${other}`;
}
