//! His `proxysql.cnf`: libconfig settings become rows and variables, or a problem with its place.
