import type { Finding } from "./experiment.ts";
import type { Result } from "./run-probe.ts";

/** The experiments that try what `--reserve-disks` relies on, by how their names begin. */
const RELIED_ON: readonly string[] = ["E7", "E10"];

/** What the probe means for `--reserve-disks`: the setting takes all that it relies on. */
export function adviseOnReservations(results: readonly Result[]): Result {
  const tried = RELIED_ON.map((name) => results.find((result) => result.name.startsWith(`${name} `)));
  const named = (verdict: Finding["verdict"]): string =>
    RELIED_ON.filter((_, index) => (tried[index]?.verdict ?? "not tried") === verdict).join(" and ");
  const [broken, open] = [named("broken"), named("not tried")];
  const about = { name: "--reserve-disks", assumption: "what reservations of disks rely on" };
  if (broken !== "") return { ...about, verdict: "broken", detail: `leave it off: broken: ${broken}` };
  if (open !== "")
    return { ...about, verdict: "not tried", detail: `leave it off: not tried to the end: ${open}` };
  return {
    ...about,
    verdict: "held",
    detail:
      "it may be switched on (driver.reserveDisks=true) where all nodes have VMs of the sizes tried here, " +
      "and disks are attached to them in the same way",
  };
}
