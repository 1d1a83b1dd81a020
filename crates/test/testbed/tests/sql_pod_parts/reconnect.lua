-- A connection for each statement. Where it cannot be made, or ends, sysbench fails: nothing is tried again.
function thread_init()
  driver = sysbench.sql.driver()
end

function event()
  local connection = driver:connect()
  connection:query(string.format("SELECT c FROM sbtest1 WHERE id=%d", sysbench.rand.uniform(1, 1000)))
  connection:disconnect()
end
