import { EXTENDER_RUNTIME, NODE_RUNTIME } from "../../scripts/build/node-runtime.ts";

/** Where things are in the image. */
export const IMAGE_PATHS = {
  node: "usr/local/bin/node",
  launcher: "usr/local/bin/azuredisk-csi-driver",
  program: "opt/azuredisk-csi-driver",
  sbom: "usr/share/doc/azuredisk-csi-driver/sbom.spdx.json",
  documents: "usr/share/doc/azuredisk-csi-driver",
} as const;

/** The user of roles that need no root; the node role's pod says otherwise. */
export const IMAGE_USER = 65_532;

/** How containers of the image are started; the Containerfile says the same. */
export const IMAGE_CONFIG = {
  User: `${IMAGE_USER}:${IMAGE_USER}`,
  Env: ["PATH=/usr/local/bin:/usr/sbin:/usr/bin"],
  Entrypoint: [`/${IMAGE_PATHS.launcher}`],
  Cmd: ["--help"],
} as const;

/**
 * Flags of the roles that have no others. The heap may take seven tenths of the container's memory limit, whatever that is: buffers and code need the
 * rest. A small young generation gives garbage back early; it costs no throughput (docs/dependencies.md).
 */
const OTHER_ROLES = { flags: ["--max-semi-space-size=2", "--max-old-space-size-percentage=70"], environment: {} } as const;

/** The program that containers start: a role with the flags that were measured for it. It leaves nothing of itself behind: Node takes its place. */
export function launcherScript(): string {
  return `#!/bin/sh
case "$1" in
  node)
${start(NODE_RUNTIME)} ;;
  scheduler-extender)
${start(EXTENDER_RUNTIME)} ;;
  *)
${start(OTHER_ROLES)} ;;
esac
`;
}

function start({ flags, environment }: { readonly flags: readonly string[]; readonly environment: Readonly<Record<string, string>> }): string {
  const exports = Object.entries(environment).map(([name, value]) => `    export ${name}=${value}\n`);
  return `${exports.join("")}    exec /${IMAGE_PATHS.node} ${flags.join(" ")} /${IMAGE_PATHS.program}/azuredisk-csi-driver.cjs "$@"`;
}
