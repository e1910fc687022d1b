import { findCommand } from "../../scripts/child/find-command.ts";

/** Why a guest can't run on this machine; `undefined` if it can. It needs neither root nor KVM. */
export async function reasonAgainstGuests(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `guests need Linux on x64, this is ${process.platform} on ${process.arch}`;
  for (const command of ["apt-get", "dpkg", "flock"]) {
    if ((await findCommand(command)) === undefined)
      return `guests are made of Debian's packages, and ${command} is missing here`;
  }
  return undefined;
}
