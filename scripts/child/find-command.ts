import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Folders of system tools and Go, in case PATH lacks them. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/go/bin"];

/** The full path of a command, `undefined` if this machine does not have it. */
export async function findCommand(command: string): Promise<string | undefined> {
  const candidates = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_FOLDERS].map((folder) =>
    join(folder, command),
  );
  for (const candidate of candidates) {
    const isExecutable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) return candidate;
  }
  return undefined;
}
