import { nameList } from "../failure/name-list.ts";

/** What a node finds of a volume, to decide whether it can still write to it. */
export interface CleanEvidence {
  readonly earlierChildAlive: boolean;
  /** Commands of this instance that still use the device. */
  readonly commandsInFlight: readonly string[];
  /** The device that the volume has now. */
  readonly devicePath: string | undefined;
  /** The volume's devices, present or earlier, that did not open with O_EXCL. */
  readonly heldPaths: readonly string[];
  /** Mount points of the device in this mount namespace. */
  readonly mountPaths: readonly string[];
  /** Process ids in whose mount namespaces the device is mounted. */
  readonly mountedForPids: readonly number[];
  /** UUIDs of mounted btrfs on the device: no mount namespace shows the device of their mounts. */
  readonly mountedBtrfs: readonly string[];
  /** Devices on top of the device: loop devices, and what LVM, multipath or RAID of the host have made. */
  readonly devicesOnTop: readonly string[];
  /** Process ids, other than the plug-in's, that have the device open. */
  readonly openInPids: readonly number[];
  /** Process ids, other than the plug-in's, that share memory with the device. */
  readonly mappedInPids: readonly number[];
}

/** Whether a node is *clean* of a volume, and why or why not. */
export interface CleanJudgement {
  readonly clean: boolean;
  readonly reason: string;
  /** No program is known to use the disk: a command of the driver or a write has yet to end. */
  readonly endsByItself?: true;
  /** What the kernel said where it could not write to the disk what it had cached, which it dropped. */
  readonly writesLost?: string;
}

/** Whether a node is *clean* of a volume, and why not: one remaining trace is enough to say no. */
export function judgeClean(evidence: CleanEvidence): CleanJudgement {
  const commands = [
    ...(evidence.earlierChildAlive
      ? ["an earlier plug-in instance, or a command that it started, is still alive"]
      : []),
    ...evidence.commandsInFlight.map((command) => `${command} is still running`),
  ];
  // A command of the driver holds the device or has it mounted while it runs.
  const perhapsByCommand = [
    ...evidence.heldPaths.map(
      (path) => `${path} is held exclusively (mounted in some mount namespace, or part of another device)`,
    ),
    ...evidence.mountPaths.map((path) => `it is mounted at ${path}`),
  ];
  const byOthers = [
    ...processes("it is mounted for process", evidence.mountedForPids),
    ...evidence.mountedBtrfs.map((fsid) => `btrfs ${fsid}, mounted on this node, is or may be on it`),
    ...evidence.devicesOnTop.map((device) => `${device} stands on it`),
    ...processes("it is open in process", evidence.openInPids),
    ...processes("it is mapped in process", evidence.mappedInPids),
  ];
  const traces = [...commands, ...perhapsByCommand, ...byOthers];
  if (traces.length > 0) {
    const endsByItself = commands.length > 0 && byOthers.length === 0;
    return { clean: false, reason: traces.join("; "), ...(endsByItself && { endsByItself }) };
  }
  return {
    clean: true,
    reason:
      evidence.devicePath === undefined
        ? "the device is absent and nothing holds it"
        : `nothing holds ${evidence.devicePath}`,
  };
}

/** The most process ids that one reason names. */
const PIDS_NAMED_MAX = 5;

function processes(what: string, pids: readonly number[]): readonly string[] {
  return pids.length === 0 ? [] : [`${what} ${nameList(pids, PIDS_NAMED_MAX)}`];
}
