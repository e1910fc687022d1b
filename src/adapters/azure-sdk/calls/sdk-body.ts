/** The SDK wants what the wire has in `properties` one level up, and spells one member otherwise. */
export function flattened({
  properties,
  ...rest
}: {
  readonly properties: Readonly<Record<string, unknown>>;
}): Readonly<Record<string, unknown>> {
  const { diskIOPSReadWrite, ...others } = properties;
  return {
    ...rest,
    ...others,
    ...(diskIOPSReadWrite === undefined ? {} : { diskIopsReadWrite: diskIOPSReadWrite }),
  };
}
