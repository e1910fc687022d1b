import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { type Authority, createAuthority, readAuthority } from "./tls.ts";

/** Who may sign for the emulator: only its own user. */
const KEY_MODE = 0o600;

/**
 * The certificate authority that is kept beside `caFile`, in `<caFile>.key`, so that clients which trust it
 * still do after a restart. Makes one if there is none, or if it is about to expire. Rejects, naming the
 * file, if that is something else.
 */
export function keptAuthority(caFile: string): Promise<Authority> {
  return authorityIn(`${caFile}.key`);
}

async function authorityIn(file: string): Promise<Authority> {
  const kept = await readKept(file);
  if (kept === "none") return make(file, link);
  return kept ?? make(file, rename);
}

/** "none" if there is no file; undefined if the authority is about to expire. */
async function readKept(file: string): Promise<Authority | "none" | undefined> {
  try {
    return await readAuthority(await readFile(file, "utf8"));
  } catch (error) {
    if (isError(error, "ENOENT")) return "none";
    // It may well be one, which this user can't read.
    if (error instanceof Error && "syscall" in error) throw error;
    throw new Error(`${file} is not the key of an emulator's CA: remove it, or choose another --ca-file`, {
      cause: error,
    });
  }
}

/** `link` fails if another emulator with the same file was first: its authority is then the one of both. */
async function make(file: string, place: (from: string, to: string) => Promise<void>): Promise<Authority> {
  const authority = await createAuthority();
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, authority.pem, { mode: KEY_MODE });
    await place(unfinished, file);
    return authority;
  } catch (error) {
    if (isError(error, "EEXIST")) return await authorityIn(file);
    throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

function isError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
