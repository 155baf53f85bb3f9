/** How many names a message has at most: the first of them tell a person where to look. */
export const mostNamed = 10

/** At most so many of these names, in their order, and how many more there are. */
export function some(names: readonly string[]): string {
  const sorted = [...new Set(names)].sort()
  const more = sorted.length > mostNamed ? ` and ${sorted.length - mostNamed} more` : ''
  return `${sorted.slice(0, mostNamed).join(', ')}${more}`
}
