import { parseInstanceUri } from "../../src/core/azure/ids/instance-uri.ts";
import type { Json } from "./arm-http.ts";
import { diskProgram, SCRIPT_BYTES_MAX } from "./disk-program.ts";
import { codeOf, dataDisksOf, isProbeDisk, type ProbeVm, readVm, untilEnded } from "./probe-vm.ts";
import { readOutput } from "./run-command-output.ts";
import { clockFault } from "./vm-clock.ts";

/** What the program leaves in a VM ends after this time, in seconds: as long as the longest operation. */
const BACKGROUND_MAX_S = 15 * 60;

/** For what needs no disk. */
const NO_LUN = -1;

/** What the program in a VM is asked for; see `disk-program/main.py`. */
export type Asked =
  | {
      readonly do: "write";
      readonly round: number;
      /** Whether it writes one block, and the others when it is resumed. */
      readonly pauses: boolean;
      /** Cuts the VM off from its network, after a while and for a while; 0: it does not. */
      readonly cutAfterS: number;
      readonly cutForS: number;
    }
  | { readonly do: "watch"; readonly round: number }
  | { readonly do: "resume" }
  | { readonly do: "stop"; readonly round: number; readonly hasCut: boolean; readonly afterMs: number }
  /** Stops what earlier rounds have left, whatever that is. */
  | { readonly do: "endAll" }
  /** Registers the key, and reserves the disk. */
  | { readonly do: "reserve"; readonly key: number }
  /** Registers the key, and takes the reservation from `earlier`; watches for late blocks of the round. */
  | {
      readonly do: "preempt";
      readonly key: number;
      readonly earlier: number;
      readonly round: number;
      readonly watchS: number;
    }
  | { readonly do: "release" }
  | { readonly do: "writeOnce" };

/** What the program in a VM has printed. */
export type Printed = Readonly<Record<string, unknown>>;

/**
 * Runs the probe's program in a VM that has the probe's disk, or has just lost it, and returns what it
 * printed. Throws with the reason if Azure does not run it, or it refuses.
 */
export async function runInVm(vm: ProbeVm, lun: number, asked: Asked): Promise<Printed> {
  return (await runProgram(vm, lun, asked)).answer;
}

/**
 * Stops what the program has left in the background of a VM, and heals its network. Throws if it can't be
 * reached, as while it is cut off.
 */
export async function stopPrograms(vm: ProbeVm): Promise<void> {
  await runInVm(vm, NO_LUN, { do: "endAll" });
}

/** Like `runInVm`, for times that are compared with Azure's. Throws also if clocks are unfit. */
export async function runTimed(vm: ProbeVm, lun: number, asked: Asked): Promise<Printed> {
  const { name, answer, startedMs, endedMs } = await runProgram(vm, lun, asked);
  const fault = clockFault({ nowMs: answer["nowMs"], errorMs: answer["errorMs"], startedMs, endedMs });
  if (fault !== undefined) throw new Error(`${name}: ${fault}`);
  return answer;
}

async function runProgram(
  vm: ProbeVm,
  lun: number,
  asked: Asked,
): Promise<{ name: string; answer: Printed; startedMs: number; endedMs: number }> {
  const json = JSON.stringify({
    ...asked,
    lun,
    token: vm.token,
    sizeBytes: vm.diskBytes,
    maxS: BACKGROUND_MAX_S,
  });
  // Without Python no program can have been left.
  const withoutPython = asked.do === "endAll" ? {} : { refused: "python3 is missing in the VM" };
  const script = `command -v python3 >/dev/null || { echo '${JSON.stringify(withoutPython)}'; exit; }
python3 - '${json}' <<'PROGRAM'
${diskProgram}PROGRAM`;
  if (Buffer.byteLength(script) > SCRIPT_BYTES_MAX)
    throw new Error(`the probe's script is longer than the ${SCRIPT_BYTES_MAX} bytes that Azure runs`);
  const { name, startedMs, endedMs, body } = await ran(vm, script.split("\n"));
  const { stdout, stderr } = readOutput(body);
  const answer = parsed(stdout);
  if (answer === undefined) throw new Error(`${name}: the program ended early: ${stderr.trim().slice(-300)}`);
  const { refused } = answer;
  if (typeof refused === "string") throw new Error(`${name}: ${refused}`);
  return { name, answer, startedMs, endedMs };
}

/** Runs a script, after any other one in the VM. */
async function ran(
  vm: ProbeVm,
  script: readonly string[],
): Promise<{ name: string; startedMs: number; endedMs: number; body: Json }> {
  const { instanceName: name = vm.vmId } = parseInstanceUri(vm.vmId) ?? {};
  const path = `${vm.vmId}/runCommand`;
  const waitsUntilMs = vm.clock.elapsedMs() + BACKGROUND_MAX_S * 1_000;
  for (;;) {
    const answer = await vm.http({ method: "POST", path, body: { commandId: "RunShellScript", script } });
    if (codeOf(answer.body) === "Conflict" && vm.clock.elapsedMs() < waitsUntilMs) {
      await vm.clock.sleep(vm.pollMs, vm.signal);
      continue;
    }
    const { end, startedMs, endedMs } = await untilEnded(vm, answer);
    const location = answer.headers["location"];
    if (end !== "Succeeded" || location === undefined)
      throw new Error(`${name}: Azure runs no script there: ${end}`);
    return { name, startedMs, endedMs, body: (await vm.http({ method: "GET", path: location })).body };
  }
}

function parsed(stdout: string): Printed | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as Printed) : undefined;
}

/** The LUN of the probe's disk at a VM that has it. Throws if it has not. */
export async function lunOf(vm: ProbeVm): Promise<number> {
  const entry = dataDisksOf(await readVm(vm)).find((candidate) => isProbeDisk(vm, candidate));
  if (entry === undefined) throw new Error(`${vm.vmId} does not have the probe's disk`);
  return Number(entry["lun"]);
}
