import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type FaultName, faultNames } from "../faults/fault-names.ts";
import { stormNamed } from "../scenario/storm/storm-named.ts";

/** A seed that once failed, and its lesson. */
export interface RegressionSeed {
  readonly seed: number;
  /** The classes with which it was found, if not all. */
  readonly faults: readonly FaultName[] | undefined;
  /** The storm in which it was found (`--storm`), if any. */
  readonly storm: string | undefined;
  readonly lesson: string;
}

const FILE = fileURLToPath(new URL("../seeds/regressions.txt", import.meta.url));
const LINE = /^(\d+)(?: \(([a-z,]+)\)| \[([a-z-]+)\])?: (.+)$/u;

/**
 * All of `sim/seeds/regressions.txt`: lines of `SEED: LESSON`, `SEED (crash,stale): LESSON` or `SEED
 * [STORM]: LESSON`; those that begin with `#` describe the file.
 */
export function regressionSeeds(text: string = readFileSync(FILE, "utf8")): readonly RegressionSeed[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, seed, faults, storm, lesson] = LINE.exec(line) ?? [];
      if (seed === undefined || lesson === undefined) throw new Error(`not a line of SEED: LESSON: ${line}`);
      if (storm !== undefined) stormNamed(storm);
      return {
        seed: Number(seed),
        lesson,
        storm,
        faults: faults === undefined ? undefined : faults.split(",").map(toFaultName),
      };
    });
}

function toFaultName(text: string): FaultName {
  const name = faultNames.find((known) => known === text);
  if (name === undefined) throw new Error(`there is no class of faults ${text}`);
  return name;
}
