import type { Phase } from "./timeline.ts";

/** What a check found; "not tried" if the run left out what it checks. */
export type Verdict = boolean | "not tried";

/** What came of a writer that was fenced while it was frozen, once it continues. */
export interface StaleWriter {
  /** The error of its next fsync. Blocked: EIO or EROFS. */
  readonly fsync: string;
  /** Nothing that it or its node did reached the disk. */
  readonly diskUnchanged: boolean;
  /** What `e2fsck -fn` says of the file system. Without a fault: clean. */
  readonly fileSystem: string;
  /** The error that a container restarted there gets for a write, or `none`. Blocked: EROFS. */
  readonly restartedContainer: string;
}

/** What a run measured. */
interface Measured {
  readonly phases: readonly Phase[];
  readonly replicated: {
    readonly gracefulMs: number;
    readonly armCallsOnPath: number;
    readonly forcedMs: number;
  };
  readonly plain: { readonly gracefulMs: number; readonly armCallsOnPath: number };
  readonly staleWriter: StaleWriter | "not tried";
  /** Both failovers promoted the existing replica, not a recreated one. */
  readonly replicasKept: boolean;
  readonly leaked: number;
}

/** The demo's findings, all of them measured. */
export interface Findings extends Measured {
  /** All that was tried is as it should be. */
  readonly ok: boolean;
  readonly checksumsHeld: Verdict;
  /** Each part of `staleWriter` is as it should be. */
  readonly staleWriterBlocked: Verdict;
}

/** Judges a run by its checks: `checksums` has one entry for each comparison of what was written. */
export function judge(run: Measured & { readonly checksums: readonly boolean[] }): Findings {
  const { checksums, phases, replicated, plain, staleWriter, replicasKept, leaked } = run;
  const checksumsHeld = checksums.length === 0 ? "not tried" : checksums.every((holds) => holds);
  const staleWriterBlocked = staleWriter === "not tried" ? staleWriter : isBlocked(staleWriter);
  const ok =
    checksumsHeld !== false &&
    staleWriterBlocked !== false &&
    replicasKept &&
    leaked === 0 &&
    replicated.armCallsOnPath === 0;
  return {
    ok,
    phases,
    replicated,
    plain,
    checksumsHeld,
    staleWriterBlocked,
    staleWriter,
    replicasKept,
    leaked,
  };
}

function isBlocked({ fsync, diskUnchanged, fileSystem, restartedContainer }: StaleWriter): boolean {
  return (
    ["EIO", "EROFS"].includes(fsync) &&
    diskUnchanged &&
    fileSystem === "clean" &&
    restartedContainer === "EROFS"
  );
}

/** What came of a stale writer, part by part, for people. */
export function describeStaleWriter(found: StaleWriter): string {
  const { fsync, diskUnchanged, fileSystem, restartedContainer } = found;
  return (
    `its fsync answered ${fsync}; the disk is ${diskUnchanged ? "unchanged" : "CHANGED"}; ` +
    `e2fsck -fn says ${fileSystem === "clean" ? fileSystem : `NOT CLEAN (${fileSystem})`}; ` +
    "a container restarted there " +
    (restartedContainer === "none" ? "WRITES BESIDE THE DISK" : `finds ${restartedContainer}`)
  );
}

/** The findings for people. */
export function summary(findings: Findings, totalMs: number): string {
  const { replicated, plain } = findings;
  const graceful = findings.phases.filter((phase) => phase.name.startsWith("graceful:"));
  const contrast = findings.phases.filter((phase) => phase.name.startsWith("plain graceful:"));
  const rows = graceful.map((phase, index) => {
    const other = contrast[index];
    return (
      `  ${phase.name.slice("graceful: ".length).padEnd(40)} ${cell(phase)}   ` +
      `${other === undefined ? "" : cell(other)}`
    );
  });
  return [
    "",
    `  ${"graceful failover".padEnd(40)} ${"with replicas".padStart(22)}   ${"without".padStart(22)}`,
    ...rows,
    `  ${"in all".padEnd(40)} ${cell({ ms: replicated.gracefulMs, armCalls: replicated.armCallsOnPath })}` +
      `   ${cell({ ms: plain.gracefulMs, armCalls: plain.armCallsOnPath })}`,
    "",
    `  forced failover, fence and proof included: ${replicated.forcedMs} ms`,
    `  every synced byte was there: ${word(findings.checksumsHeld)}; ` +
      `the stale writer was blocked: ${word(findings.staleWriterBlocked)}; ` +
      `the replicas were kept: ${word(findings.replicasKept)}; left behind: ${findings.leaked}`,
    ...(findings.staleWriterBlocked === false && findings.staleWriter !== "not tried"
      ? [`  the stale writer: ${describeStaleWriter(findings.staleWriter)}`]
      : []),
    `  ${conclusion(findings)}, in ${(totalMs / 1_000).toFixed(1)} s.`,
  ].join("\n");
}

function conclusion({ ok, checksumsHeld, staleWriterBlocked }: Findings): string {
  if (!ok) return "NOT as it should be";
  return [checksumsHeld, staleWriterBlocked].includes("not tried")
    ? "All that was tried is as it should be"
    : "All as it should be";
}

function word(verdict: Verdict): string {
  if (verdict === "not tried") return verdict;
  return verdict ? "yes" : "NO";
}

function cell(measured: { readonly ms: number; readonly armCalls: number }): string {
  return `${String(measured.ms).padStart(7)} ms ${String(measured.armCalls).padStart(3)} ARM calls`.padStart(
    22,
  );
}
