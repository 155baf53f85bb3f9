/** Listens at an ADDRESS and a PORT of the network in which it is started, and hands the socket to its parent; see reach.ts. */
import { createServer } from 'node:net'

const [address, port] = process.argv.slice(2)
const server = createServer()
server.listen(Number(port), address, () => {
  process.send!('listening', server, () => process.exit())
})
