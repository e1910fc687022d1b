import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderEntries } from "../../../deploy/image/folder-entries.ts";
import { writeOciImage } from "../../../deploy/image/oci-archive.ts";
import type { TarEntry } from "../../../deploy/image/tar-entry.ts";
import { buildOnce } from "../../../testbed/build/build-once.ts";
import { debianPart } from "../../../testbed/build/debian-part.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";

/** The image of the example. */
const NAME = "docker.io/library/postgres:15";
const PROGRAMS = "usr/lib/postgresql/15";
const BUSYBOX_LINKS = ["cat", "chmod", "mkdir", "sh"];
const USER = 999;

/** Debian 12's, and all that its programs load. */
const PACKAGES = [
  "postgresql-15 postgresql-client-15 tzdata busybox-static libaudit1 libc6 libcap-ng0 libcap2 libcom-err2",
  "libffi8 libgcc-s1 libgcrypt20 libgmp10 libgnutls30 libgpg-error0 libgssapi-krb5-2 libhogweed6 libicu72",
  "libidn2-0 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0 liblz4-1 liblzma5 libnettle8",
  "libp11-kit0 libpam0g libpq5 libreadline8 libsasl2-2 libssl3 libstdc++6 libsystemd0 libtasn1-6 libtinfo6",
  "libunistring2 libxml2 libzstd1 zlib1g",
].flatMap((line) => line.split(" "));

/**
 * What the official image's entrypoint does for the variables of the example, but for the password: clients
 * are trusted.
 */
const ENTRYPOINT = `#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA" && chmod 0700 "$PGDATA"
  initdb --username=postgres --auth=trust --locale=C $POSTGRES_INITDB_ARGS
  echo "host all all all trust" >>"$PGDATA/pg_hba.conf"
fi
case "$1" in -*) exec postgres "$@";; *) exec "$@";; esac
`;

/** Why PostgreSQL can't run in a lab here; undefined if it can. */
export async function reasonAgainstPostgres(): Promise<string | undefined> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME=bookworm$/mu.test(release)
    ? undefined
    : "PostgreSQL 15 is taken from the packages of Debian 12, which this machine does not run";
}

/** Gives a lab PostgreSQL 15 under the name of the official image, of Debian's packages. */
export async function addPostgresImage(lab: Lab, signal: AbortSignal): Promise<void> {
  const part = await debianPart({ name: "postgresql", packages: PACKAGES });
  const unpacked = await buildOnce(part, (line) => console.log(line), signal);
  const folder = await mkdtemp(join(tmpdir(), "postgres-image-"));
  try {
    const file = join(folder, "postgres.tar");
    await writeOciImage(
      {
        names: [NAME],
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        layers: [await packaged(unpacked), await ownFiles(unpacked)],
        config: {
          User: `${USER}:${USER}`,
          Env: [`PATH=/bin:/usr/bin:/${PROGRAMS}/bin`],
          Entrypoint: ["/entrypoint"],
          Cmd: ["postgres"],
          StopSignal: "SIGINT",
        },
      },
      file,
    );
    await lab.registry.add(file, "postgres.tar");
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * The packages' files without documents, and without the compiler of queries, whose libraries are a hundred
 * megabytes.
 */
async function packaged(folder: string): Promise<readonly TarEntry[]> {
  return (await folderEntries(folder)).filter(
    ({ path }) => !/^usr\/share\/(?:doc|man|locale)\/|bitcode|llvmjit/u.test(path),
  );
}

async function ownFiles(unpacked: string): Promise<readonly TarEntry[]> {
  const present: string[] = [];
  for await (const path of glob("{bin/*,tmp,var,var/run,run,etc}", { cwd: unpacked })) present.push(path);
  const folders = [
    { kind: "Folder", path: "tmp", mode: 0o1777 },
    { kind: "Folder", path: "var/run", mode: 0o755 },
    { kind: "Folder", path: "var/run/postgresql", mode: 0o777 },
  ] as const;
  return [
    ...folders,
    ...BUSYBOX_LINKS.filter((name) => !present.includes(`bin/${name}`)).map(
      (name) => ({ kind: "SymbolicLink", path: `bin/${name}`, target: "busybox" }) as const,
    ),
    text("etc/passwd", `root:x:0:0::/:/bin/sh\npostgres:x:${USER}:${USER}::/:/bin/sh\n`, 0o644),
    text("entrypoint", ENTRYPOINT, 0o755),
  ];
}

function text(path: string, content: string, mode: number): TarEntry {
  return { kind: "File", path, mode, content: { kind: "Bytes", bytes: Buffer.from(content) } };
}
