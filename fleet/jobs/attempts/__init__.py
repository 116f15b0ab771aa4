"""What happens to a job while workers have it: claimed, ended, put back, lost and recovered."""
