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

/**
 * The home of the lab called `name`, whether it exists or not. Throws on a name that can't be used for
 * files and groups.
 */
export function labHome(name: string): LabHome {
  if (!NAME.test(name))
    throw new Error(
      `a lab is not called "${name}": lower-case letters, digits and dashes, at most 20, a letter first`,
    );
  const folder = join(LABS_FOLDER, name);
  return { name, folder, group: `azdlab-${name}`, path: (...parts) => join(folder, ...parts) };
}
