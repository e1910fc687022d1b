import { readFile } from "node:fs/promises";
import { messageOf } from "../../core/failure/message-of.ts";

/** A setting that can't be used; its message begins with the flag. */
export class WrongSetting extends Error {}

/** The text of a file that a setting names. Throws `WrongSetting` if it can't be read. */
export async function readNamedFile(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new WrongSetting(`--${flag}: got ${JSON.stringify(path)}; ${messageOf(error)}`, { cause: error });
  }
}

/**
 * A certificate in PEM as OpenSSL reads it: also one that is marked as trusted, after a byte order mark, or
 * before blanks.
 */
const CERTIFICATE = /^\uFEFF?-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\t ]*$/mu;

/** Certificates in PEM of a file that a setting names. Throws `WrongSetting` if it has none. */
export async function readNamedCertificates(flag: string, path: string): Promise<string> {
  const text = await readNamedFile(flag, path);
  if (CERTIFICATE.test(text.replaceAll("\r", ""))) return text;
  throw new WrongSetting(
    `--${flag}: got ${JSON.stringify(path)}; expected a PEM file with a line -----BEGIN CERTIFICATE-----`,
  );
}

/** Tries what needs the settings, and collects the messages of those that are wrong. */
export async function wrongSettings(...tries: readonly (() => unknown)[]): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const attempt of tries) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof WrongSetting)) throw error;
      problems.push(error.message);
    }
  }
  return problems;
}

/** Carries out what a setting asks for. Its error names the flag and the value. */
export async function asSet<T>(flag: string, value: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new Error(`--${flag}: got ${JSON.stringify(value)}; ${messageOf(error)}`, { cause: error });
  }
}
