import { readFile } from "node:fs/promises";
import type { Clock } from "../../../ports/clock.ts";
import type { ApiServerConfig, Material } from "./api-server-config.ts";

/**
 * The longest time for which a file is not read again, in milliseconds. A token that expires within it is
 * refused, and read again for that.
 */
const FILE_AGE_MAX_MS = 60_000;

/** What a connection needs at the moment, as texts. */
export interface Credential {
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
}

/** Credentials that are renewed in place. */
interface ApiCredentials {
  /**
   * The current credentials; files that were read more than a minute ago are read again. Rejects if one
   * was never readable.
   */
  current(): Promise<Credential>;
  /**
   * Reads every file again at once, after a server refused `used`. Returns whether there is anything
   * else to try.
   */
  renew(used: Credential): Promise<boolean>;
}

/** The credentials of a configuration. A file that can't be read any more leaves its last content. */
export function createApiCredentials(config: ApiServerConfig, clock: Clock): ApiCredentials {
  let known: Credential | undefined;
  let readAtMs = 0;
  let reading: Promise<Credential> | undefined;

  async function readAll(): Promise<Credential> {
    const before = known;
    const [ca, certificate, key, token] = await Promise.all([
      read(config.ca, before?.ca),
      read(config.clientCertificate?.certificate, before?.certificate),
      read(config.clientCertificate?.key, before?.key),
      read(config.token, before?.token),
    ]);
    const next: Credential = { ca, certificate, key, token: token?.trim() };
    readAtMs = clock.elapsedMs();
    known = before !== undefined && isSame(before, next) ? before : next;
    return known;
  }

  /** Callers that ask during a reading share it. */
  function readOnce(): Promise<Credential> {
    reading ??= readAll().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    current: async () =>
      known !== undefined && clock.elapsedMs() - readAtMs < FILE_AGE_MAX_MS ? known : await readOnce(),
    renew: async (used) => !isSame(used, await readOnce()),
  };
}

async function read(material: Material | undefined, before: string | undefined): Promise<string | undefined> {
  if (material === undefined) return undefined;
  if (material.kind === "text") return material.text;
  try {
    return await readFile(material.path, "utf8");
  } catch (error) {
    if (before !== undefined) return before;
    throw error;
  }
}

function isSame(left: Credential, right: Credential): boolean {
  return (
    left.ca === right.ca &&
    left.certificate === right.certificate &&
    left.key === right.key &&
    left.token === right.token
  );
}
