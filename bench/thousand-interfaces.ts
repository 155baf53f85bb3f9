export async function thousandInterfaces(_: ReadonlySet<string>): Promise<void> {}
