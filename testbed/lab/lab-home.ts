import { join } from "node:path";

/** Holds every lab of this machine, whichever clone of the project started it. */
export const LABS_FOLDER = "/var/lib/azuredisk-lab";

/** The paths of one lab. */
export interface LabHome {
  readonly name: string;
  readonly folder: string;
  /** The control group of all its processes. */
  readonly group: string;
  path(...parts: readonly string[]): string;
}

/** Twenty characters leave room in names that the kernel limits. */
const NAME = /^[a-z][a-z0-9-]{0,19}$/u;

/** Why no lab may be called `name`; undefined if one may. */
export function labNameProblem(name: string): string | undefined {
  return NAME.test(name)
    ? undefined
    : "expected lower-case letters, digits and dashes, at most 20, a letter first";
}

/**
 * The home of the lab called `name`, whether it exists or not. Throws on a name that can't be used for
 * files and groups.
 */
export function labHome(name: string): LabHome {
  const problem = labNameProblem(name);
  if (problem !== undefined) throw new Error(`a lab is not called "${name}": ${problem}`);
  const folder = join(LABS_FOLDER, name);
  return { name, folder, group: `azdlab-${name}`, path: (...parts) => join(folder, ...parts) };
}
