import { ok } from "../../../../core/failure/result.ts";
import { gibToBytes } from "../../../../core/primitives/units.ts";
import type { HostCommand } from "../../command/command-runner.ts";
import { defaultCommandTimeLimits } from "../../command/command-time-limits.ts";
import type { ReservingHost } from "../sg-persist.ts";

export const device = { path: "/dev/sdc", majorMinor: "8:32", sizeBytes: gibToBytes(1) };

/** What the programs of sg3-utils exit with and print; a number: the exit code, with no output. */
export type Exit = number | string;

/**
 * A host whose disk answers each action, by its first option, with these exits in turn, and then again with
 * the last one. `asked`: the command lines without what all have.
 */
export function aDisk(exits: Readonly<Record<string, readonly Exit[]>>): {
  readonly host: ReservingHost;
  readonly asked: string[];
  readonly commands: HostCommand[];
} {
  const asked: string[] = [];
  const commands: HostCommand[] = [];
  const counts = new Map<string, number>();
  const run = async (command: HostCommand) => {
    const [, , , action = "", ...parameters] = command.args;
    commands.push(command);
    asked.push([action, ...parameters.slice(0, -1)].join(" "));
    const answers = exits[action] ?? [0];
    const count = counts.get(action) ?? 0;
    counts.set(action, count + 1);
    const exit = answers[Math.min(count, answers.length - 1)] ?? 0;
    return ok({
      exitCode: typeof exit === "number" ? exit : 0,
      stdout: Buffer.from(typeof exit === "string" ? exit : ""),
      stderr: typeof exit === "number" && exit !== 0 ? "PR out: what it says" : "",
    });
  };
  const runner = { run, inFlightOn: () => [], isStuck: () => false };
  return { host: { runner, limits: defaultCommandTimeLimits }, asked, commands };
}

export const NOT_HELD = "  PR generation=0x0, there is NO reservation held\n";

export function heldBy(key: string, type = "Write Exclusive"): string {
  return `  PR generation=0x1, Reservation follows:\n    Key=0x${key}\n    scope: LU_SCOPE,  type: ${type}\n`;
}
