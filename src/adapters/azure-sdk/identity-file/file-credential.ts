import { readFile } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import { messageOf } from "../../../core/failure/message-of.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { Clock } from "../../../ports/clock.ts";
import {
  createCurrentCredential,
  type SettingsReports,
  type UnusableSettings,
} from "../current-credential.ts";

/** A text for each file, whatever its bytes: a PKCS #12 archive is none of its own. */
const ENCODING = "latin1";

/** The file, and what it leads to. */
export interface FileCredentialOptions extends SettingsReports {
  readonly clock: Clock;
  /** The field of `azure.json` that names the file. */
  readonly field: string;
  readonly path: string;
  /** Fails with what is wrong with the file, such as `is no JSON object`, without repeating a part of it. */
  readonly create: (content: Buffer) => Result<TokenCredential, string>;
}

/**
 * Signs in with a file as it is at each sign-in, so a renewed one needs no restart; one that is missing,
 * broken or refused leaves the last one that gave a token. Fails as `createCurrentCredential` does.
 */
export function createFileCredential(options: FileCredentialOptions): TokenCredential {
  const { field, path, create, ...reports } = options;
  const refused = (problem: string): Result<never, UnusableSettings> =>
    fail({ field, problem: `the file ${path} ${problem}` });
  return createCurrentCredential<string>({
    ...reports,
    name: field,
    read: async () => {
      try {
        return ok(await readFile(path, ENCODING));
      } catch (error) {
        return refused(`can't be read: ${messageOf(error)}`);
      }
    },
    create: (text) => {
      const made = create(Buffer.from(text, ENCODING));
      return made.ok ? made : refused(made.failure);
    },
  });
}
