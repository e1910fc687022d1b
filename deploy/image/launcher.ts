import {
  CONTROLLER_RUNTIME,
  EXTENDER_RUNTIME,
  NODE_RUNTIME,
  STANDALONE_RUNTIME,
} from "../../scripts/build/node-runtime.ts";

/** Where things are in the image. */
export const IMAGE_PATHS = {
  node: "usr/local/bin/node",
  launcher: "usr/local/bin/azuredisk-csi-driver",
  program: "opt/azuredisk-csi-driver",
  sbom: "usr/share/doc/azuredisk-csi-driver/sbom.spdx.json",
  documents: "usr/share/doc/azuredisk-csi-driver",
} as const;

/** The user of roles that need no root. The node role's pod overrides it. */
export const IMAGE_USER = 65_532;

/** How containers of the image are started. The Containerfile has the same values. */
export const IMAGE_CONFIG = {
  User: `${IMAGE_USER}:${IMAGE_USER}`,
  Env: ["PATH=/usr/local/bin:/usr/sbin:/usr/bin"],
  Entrypoint: [`/${IMAGE_PATHS.launcher}`],
  Cmd: ["--help"],
} as const;

/**
 * The program that containers start. It runs a role with the flags that were measured for it, and replaces
 * itself with Node.
 */
export function launcherScript(): string {
  return `#!/bin/sh
case "$1" in
  node)
${start(NODE_RUNTIME)} ;;
  standalone)
${start(STANDALONE_RUNTIME)} ;;
  scheduler-extender)
${start(EXTENDER_RUNTIME)} ;;
  *)
${start(CONTROLLER_RUNTIME)} ;;
esac
`;
}

function start({
  flags,
  environment,
}: {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}): string {
  const exports = Object.entries(environment).map(([name, value]) => `    export ${name}=${value}\n`);
  return (
    `${exports.join("")}    exec /${IMAGE_PATHS.node} ${flags.join(" ")} ` +
    `/${IMAGE_PATHS.program}/azuredisk-csi-driver.cjs "$@"`
  );
}
