/** The machines that there are images for, by the names that Node has for them. */
export const ARCHITECTURES = ["x64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The names that Debian and OCI share. */
export const DEBIAN_ARCHITECTURES = { x64: "amd64", arm64: "arm64" } as const satisfies Record<
  Architecture,
  string
>;

/** This machine's. Throws if there is no image for it. */
export function ownArchitecture(): Architecture {
  const own = ARCHITECTURES.find((name) => name === process.arch);
  if (own === undefined) throw new Error(`no image for ${process.arch}: there are x64 and arm64`);
  return own;
}
