import { readFile } from "node:fs/promises";
import { parseInstanceUri } from "../../src/core/azure/ids/instance-uri.ts";
import type { Json } from "./arm-http.ts";
import { codeOf, dataDisksOf, isProbeDisk, type ProbeVm, readVm, untilEnded } from "./probe-vm.ts";

const PROGRAM = await readFile(new URL("disk-program.py", import.meta.url), "utf8");
/** How far the clocks of Azure and of a VM may differ, in milliseconds: both follow their hosts. */
export const SKEW_MAX_MS = 1_000;
/** What the program leaves in a VM ends after this time, in seconds: as long as the longest operation. */
const BACKGROUND_MAX_S = 15 * 60;

/** What the program in a VM is asked for; see `disk-program.py`. */
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
  | { readonly do: "reserve"; readonly key: number }
  | { readonly do: "writeOnce" };

/**
 * Runs the probe's program in a VM that has the probe's disk, or has just lost it, and returns what it
 * printed. Throws with the reason if Azure does not run it, or it refuses.
 */
export async function runInVm(
  vm: ProbeVm,
  lun: number,
  asked: Asked,
): Promise<Readonly<Record<string, unknown>>> {
  const json = JSON.stringify({
    ...asked,
    lun,
    token: vm.token,
    sizeBytes: vm.diskBytes,
    maxS: BACKGROUND_MAX_S,
  });
  const script = `command -v python3 >/dev/null || { echo '{"refused":"python3 is missing in the VM"}'; exit; }
python3 - '${json}' <<'PROGRAM'
${PROGRAM}PROGRAM`;
  const { name, startedMs, endedMs, body } = await ran(vm, script.split("\n"));
  const [, stdout = "", stderr = ""] =
    /\[stdout\]\n([^]*)\n\[stderr\]\n?([^]*)$/u.exec(messageOf(body)) ?? [];
  const answer = parsed(stdout);
  if (answer === undefined) throw new Error(`${name}: the program ended early: ${stderr.trim().slice(-300)}`);
  const { refused, nowMs } = answer;
  if (typeof refused === "string") throw new Error(`${name}: ${refused}`);
  const isClockRight = Number(nowMs) > startedMs - SKEW_MAX_MS && Number(nowMs) < endedMs + SKEW_MAX_MS;
  if (!isClockRight)
    throw new Error(`${name}: its clock is not Azure's: set it (chronyc makestep), and probe again`);
  return answer;
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

function messageOf(body: Json): string {
  const { value: [first] = [] } = (body ?? {}) as {
    readonly value?: readonly { readonly message?: string }[];
  };
  return first?.message ?? "";
}

function parsed(stdout: string): Readonly<Record<string, unknown>> | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as Readonly<Record<string, unknown>>) : undefined;
}

/** The LUN of the probe's disk at a VM that has it. Throws if it has not. */
export async function lunOf(vm: ProbeVm): Promise<number> {
  const entry = dataDisksOf(await readVm(vm)).find((candidate) => isProbeDisk(vm, candidate));
  if (entry === undefined) throw new Error(`${vm.vmId} does not have the probe's disk`);
  return Number(entry["lun"]);
}
